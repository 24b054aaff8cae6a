#include "runtime/supervisor.hpp"

#include <doctest.h>

using namespace retain;

namespace {

const SupervisorLimits kLimits{.hold_timeout_ns = 1000,
                               .first_chunk_timeout_ns = 5000,
                               .inference_timeout_ns = 2000,
                               .state_timeout_ns = 100,
                               .rejections = 2,
                               .overruns_per_s = 3};

Signals moving() {
  Signals signals;
  signals.go = true;
  signals.has_chunk = true;
  return signals;
}

Supervisor running() {
  Supervisor supervisor(kLimits);
  supervisor.arm();
  CHECK(supervisor.update(1, moving()) == Reaction::none);
  return supervisor;
}

}  // namespace

TEST_CASE("disarmed nothing is streamed, whatever is asked") {
  Supervisor supervisor(kLimits);
  CHECK(supervisor.update(1, moving()) == Reaction::drop);
  CHECK(supervisor.state() == State::disarmed);
}

TEST_CASE("armed holds until there is a go") {
  Supervisor supervisor(kLimits);
  supervisor.arm();
  Signals signals = moving();
  signals.go = false;
  CHECK(supervisor.update(1, signals) == Reaction::hold);
  CHECK(supervisor.state() == State::armed);
  CHECK(supervisor.update(2, moving()) == Reaction::none);
  CHECK(supervisor.state() == State::running);
  CHECK(supervisor.running_since_ns() == 2);
}

TEST_CASE("each signal has its reaction and its cause") {
  struct Row {
    const char* what;
    void (*raise)(Signals&);
    Reaction reaction;
    Cause cause;
  };
  const Row rows[] = {
      {"operator drop", [](Signals& s) { s.drop_requested = true; }, Reaction::drop, Cause::operator_drop},
      {"protective stop", [](Signals& s) { s.robot = RobotStatus::stopped; }, Reaction::drop, Cause::robot_stopped},
      {"refused command", [](Signals& s) { s.robot = RobotStatus::rejected; }, Reaction::drop, Cause::robot_rejected},
      {"silence", [](Signals& s) { s.state_age_ns = 101; }, Reaction::drop, Cause::robot_silent},
      {"operator stop", [](Signals& s) { s.stop_requested = true; }, Reaction::ramp, Cause::operator_stop},
      {"time over", [](Signals& s) { s.time_over = true; }, Reaction::ramp, Cause::time_over},
      {"following error", [](Signals& s) { s.following_error = true; }, Reaction::ramp, Cause::following_error},
      {"rejections", [](Signals& s) { s.rejected_in_a_row = 2; }, Reaction::ramp, Cause::rejected_chunks},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    Supervisor supervisor = running();
    Signals signals = moving();
    row.raise(signals);
    CHECK(supervisor.update(2, signals) == row.reaction);
    CHECK(supervisor.cause() == row.cause);
  }
}

TEST_CASE("an asked-for stop ends in hold, every other in a latched fault") {
  for (const bool asked : {true, false}) {
    Supervisor supervisor = running();
    Signals signals = moving();
    signals.stop_requested = asked;
    signals.following_error = !asked;
    CHECK(supervisor.update(2, signals) == Reaction::ramp);
    CHECK(supervisor.update(3, moving()) == Reaction::ramp);  // the signal has gone; the stop has not
    signals.at_rest = true;
    CHECK(supervisor.update(4, signals) == Reaction::hold);
    CHECK(supervisor.state() == (asked ? State::hold : State::fault));
    CHECK(supervisor.update(5, moving()) == Reaction::hold);
    CHECK(supervisor.finished());
  }
}

TEST_CASE("a drop is possible during a ramp, and a dropped loop never streams again") {
  Supervisor supervisor = running();
  Signals signals = moving();
  signals.stop_requested = true;
  supervisor.update(2, signals);
  signals.drop_requested = true;
  CHECK(supervisor.update(3, signals) == Reaction::drop);
  CHECK(supervisor.update(4, moving()) == Reaction::drop);
  CHECK(supervisor.state() == State::fault);
}

TEST_CASE("a chunk's end holds, then ramps; a successor in time cancels it") {
  Supervisor supervisor = running();
  Signals ended = moving();
  ended.exhausted = true;
  CHECK(supervisor.update(10, ended) == Reaction::hold);
  CHECK(supervisor.update(1010, ended) == Reaction::hold);
  CHECK(supervisor.update(1011, moving()) == Reaction::none);
  CHECK(supervisor.update(1012, ended) == Reaction::hold);
  CHECK(supervisor.update(2013, ended) == Reaction::ramp);
  CHECK(supervisor.cause() == Cause::starved);
  CHECK(supervisor.holds() == 2);
}

TEST_CASE("the first chunk has a patience of its own") {
  Supervisor supervisor(kLimits);
  supervisor.arm();
  Signals waiting = moving();
  waiting.has_chunk = false;
  waiting.exhausted = true;
  CHECK(supervisor.update(1, waiting) == Reaction::hold);
  CHECK(supervisor.update(5001, waiting) == Reaction::hold);
  CHECK(supervisor.update(5002, waiting) == Reaction::ramp);
}

TEST_CASE("late ticks are forgiven up to a number within one second") {
  Supervisor supervisor = running();
  Signals late = moving();
  late.skipped = 1;
  Nanoseconds now_ns = kNanosecondsPerSecond;
  for (int i = 0; i < 3; ++i) CHECK(supervisor.update(++now_ns, late) == Reaction::none);
  now_ns += kNanosecondsPerSecond;
  for (int i = 0; i < 3; ++i) CHECK(supervisor.update(++now_ns, late) == Reaction::none);
  CHECK(supervisor.update(++now_ns, late) == Reaction::ramp);
  CHECK(supervisor.cause() == Cause::overruns);
}
