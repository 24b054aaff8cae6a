// Scenarios under a virtual clock: delays, drops, spikes and faults → states and commands. In each of them the robot
// checks every command against its limits.
#include <doctest.h>

#include <cmath>
#include <limits>

#include "runtime/rig.hpp"

using namespace retain;
using namespace retain::testing;

namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

#define CHECK_LIMITS_HELD(rig) CHECK_MESSAGE((rig).robot.watch().broken().empty(), (rig).robot.watch().broken())

}  // namespace

TEST_CASE("inference of any delay from 0 to 2·H rows: the limits hold, and short delays never wait") {
  for (int tenth_rows = 0; tenth_rows <= 320; tenth_rows += 8) {
    const double delay_s = 0.01 * tenth_rows;
    CAPTURE(delay_s);
    Scenario scenario;
    scenario.delay_s = [=](std::uint64_t) { return delay_s; };
    scenario.hold_timeout_s = 10.0;
    scenario.inference_timeout_s = 20.0;
    Rig rig(scenario, drift(0.1));
    rig.run_until(10.0);
    CHECK_LIMITS_HELD(rig);
    if (delay_s > 1.58) {
      // No row of any chunk is left when it comes: the arm does not move, and the run ends by itself.
      CHECK(rig.robot.position()[0] == 0.0);
      CHECK(rig.cause() == Cause::starved);
      CHECK(rig.inference->statistics().expired > 0);
      continue;
    }
    CHECK(rig.state() == State::running);
    // Asked after 8 rows of 16: 0.8 s less the frame's age are in reserve.
    if (delay_s < 0.7) CHECK(rig.controller->supervisor().holds() == 0);
    if (delay_s > 0.9) CHECK(rig.controller->supervisor().holds() > 0);
  }
}

TEST_CASE("a late chunk is played from the row whose time it is") {
  Scenario scenario;
  scenario.delay_s = [](std::uint64_t) { return 0.45; };
  // Absolute ramp from the first observation on, whatever the state: row k is 0.02·(k + 1).
  Rig rig(scenario, [](std::uint64_t, std::span<const float>, std::span<float> chunk) {
    for (std::size_t row = 0; row < 16; ++row) chunk[3 * row] = 0.02F * static_cast<float>(row + 1);
  });
  rig.run_until(0.9);
  const Chunk& chunk = rig.chunks.front();
  REQUIRE(chunk.id == 1);
  const double played_s = to_s(rig.clock.now_ns() - chunk.start_ns);
  CHECK(chunk.start_ns == chunk.observed_ns);
  CHECK(rig.robot.position()[0] == doctest::Approx(0.2 * played_s).epsilon(0.01));
}

TEST_CASE("sync waits at rest between chunks and plays exactly its rows") {
  Scenario scenario;
  scenario.strategy = Strategy::sync;
  scenario.execute_rows = 4;
  scenario.delay_s = [](std::uint64_t) { return 0.3; };
  Rig rig(scenario, drift(0.2));
  std::uint64_t last_chunk = 0;
  double chunk_began_at = 0.0;
  rig.run_until(6.0, [&](double) {
    const Chunk& chunk = rig.chunks.front();
    if (chunk.id == last_chunk) return;
    if (last_chunk != 0) CHECK(rig.robot.position()[0] - chunk_began_at == doctest::Approx(4 * 0.02).epsilon(0.05));
    last_chunk = chunk.id;
    chunk_began_at = rig.robot.position()[0];
  });
  CHECK(last_chunk > 5);
  CHECK(rig.state() == State::running);
  CHECK_LIMITS_HELD(rig);
}

TEST_CASE("a sync observation is taken after the motion it follows has ended") {
  Scenario scenario;
  scenario.strategy = Strategy::sync;
  scenario.execute_rows = 4;
  Rig rig(scenario, drift(0.2));
  Chunk before;
  rig.run_until(4.0, [&](double) {
    const Chunk& chunk = rig.chunks.front();
    if (chunk.id != before.id && before.id != 0) CHECK(chunk.observed_ns >= before.due_ns(3));
    before = chunk;
  });
}

TEST_CASE("one chunk that is not finite is rejected and the old one goes on") {
  Scenario scenario;
  Rig rig(scenario, [](std::uint64_t request, std::span<const float> state, std::span<float> chunk) {
    drift(0.1)(request, state, chunk);
    if (request == 3) chunk[20] = kNaN;
  });
  rig.run_until(5.0);
  CHECK(rig.state() == State::running);
  CHECK(rig.inference->statistics().rejected_not_finite == 1);
  CHECK(rig.controller->supervisor().holds() == 0);
  CHECK_LIMITS_HELD(rig);
}

TEST_CASE("two rejected chunks in a row ramp the arm down into a latched fault") {
  Scenario scenario;
  Rig rig(scenario, [](std::uint64_t request, std::span<const float> state, std::span<float> chunk) {
    drift(0.5)(request, state, chunk);
    if (request >= 2) chunk[0] = kNaN;
  });
  rig.run_until(30.0);
  CHECK(rig.finished);
  CHECK(rig.state() == State::fault);
  CHECK(rig.cause() == Cause::rejected_chunks);
  CHECK(rig.controller->limiter().at_rest());
  CHECK_FALSE(rig.robot.dropped);
  CHECK_LIMITS_HELD(rig);
}

TEST_CASE("a stop ramps down at once: the first command after it is already slower") {
  Scenario scenario;
  Rig rig(scenario, drift(0.5));
  rig.run_until(1.0);
  const double before = rig.robot.position()[0];
  rig.run_until(1.002);
  const double cruising = rig.robot.position()[0] - before;
  rig.requests.stop.store(true);
  const double at_stop = rig.robot.position()[0];
  rig.run_until(rig.time_s() + 0.001);
  CHECK(rig.state() == State::stopping);
  CHECK(rig.robot.position()[0] - at_stop < cruising);
  rig.run_until(2.0);
  CHECK(rig.state() == State::hold);
  CHECK(rig.cause() == Cause::operator_stop);
  // From 0.5/s at 5/s² it takes 0.025 of way.
  CHECK(rig.robot.position()[0] - at_stop == doctest::Approx(0.025).epsilon(0.05));
  CHECK_LIMITS_HELD(rig);
}

TEST_CASE("a drop stops streaming at once, for good") {
  Scenario scenario;
  Rig rig(scenario, drift(0.5));
  rig.run_until(1.0);
  const std::size_t seen = rig.robot.watch().seen();
  rig.requests.drop.store(true);
  rig.run_until(2.0);
  CHECK(rig.robot.dropped);
  CHECK(rig.robot.watch().seen() == seen);
  CHECK(rig.state() == State::fault);
  CHECK(rig.cause() == Cause::operator_drop);
}

TEST_CASE("no inference on stale frames: the rows left are played, then hold, then ramp, then fault") {
  Scenario scenario;
  scenario.camera_works = [](double t) { return t < 1.0; };
  Rig rig(scenario, drift(0.1));
  double held_at = 0.0;
  rig.run_until(10.0, [&](double t) {
    if (held_at == 0.0 && rig.controller->supervisor().holds() == 1) held_at = t;
  });
  CHECK(held_at > 1.5);  // the chunk asked for before 1 s has rows until 2.4 s
  CHECK(rig.state() == State::fault);
  CHECK(rig.cause() == Cause::stale_frames);
  CHECK(rig.time_s() == doctest::Approx(held_at + scenario.hold_timeout_s).epsilon(0.02));
  CHECK(rig.inference->statistics().stale_episodes == 1);
  CHECK_LIMITS_HELD(rig);
}

TEST_CASE("a camera that comes back in time is used again") {
  Scenario scenario;
  scenario.camera_works = [](double t) { return t < 1.0 || t > 2.8; };
  Rig rig(scenario, drift(0.1));
  rig.run_until(6.0);
  CHECK(rig.state() == State::running);
  CHECK(rig.controller->supervisor().holds() == 1);
  CHECK_LIMITS_HELD(rig);
}

TEST_CASE("an engine that throws ends in a fault, after the rows that are left") {
  Scenario scenario;
  Rig rig(scenario, [](std::uint64_t request, std::span<const float> state, std::span<float> chunk) {
    if (request == 3) throw EngineError("out of memory");
    drift(0.1)(request, state, chunk);
  });
  rig.run_until(10.0);
  CHECK(rig.state() == State::fault);
  CHECK(rig.cause() == Cause::engine_error);
  CHECK(rig.health.engine_message == "out of memory");
  CHECK(rig.robot.position()[0] > 0.15);
  CHECK_LIMITS_HELD(rig);
}

TEST_CASE("an engine that hangs ends in a fault") {
  Scenario scenario;
  scenario.delay_s = [](std::uint64_t request) { return request == 3 ? 1e6 : 0.05; };
  Rig rig(scenario, drift(0.1));
  rig.run_until(20.0);
  CHECK(rig.state() == State::fault);
  CHECK(rig.cause() == Cause::engine_hung);
  CHECK_LIMITS_HELD(rig);
}

TEST_CASE("a robot that is silent, stopped or refuses a command is streamed to no more") {
  for (const RobotStatus status : {RobotStatus::silent, RobotStatus::stopped, RobotStatus::rejected}) {
    Scenario scenario;
    Rig rig(scenario, drift(0.1));
    rig.run_until(1.0);
    if (status == RobotStatus::rejected) {
      rig.robot.write_status = status;
    } else {
      rig.robot.status = status;
    }
    rig.run_until(3.0);
    CHECK(rig.state() == State::fault);
    CHECK(rig.robot.dropped);
    CHECK_FALSE(rig.robot.written_after_drop);
    CHECK(rig.cause() == (status == RobotStatus::silent    ? Cause::robot_silent
                          : status == RobotStatus::stopped ? Cause::robot_stopped
                                                           : Cause::robot_rejected));
    CHECK(rig.time_s() < 1.2);
  }
}

TEST_CASE("an arm that does not follow its commands is ramped down") {
  Scenario scenario;
  scenario.following_error = 0.2;
  Rig rig(scenario, drift(0.1));
  rig.run_until(1.0);
  rig.robot.displaced = 0.3;
  rig.run_until(3.0);
  CHECK(rig.state() == State::fault);
  CHECK(rig.cause() == Cause::following_error);
  CHECK_LIMITS_HELD(rig);
}

TEST_CASE("lost periods are counted and cost no jump; too many in a second ramp down") {
  Scenario scenario;
  scenario.lost_periods = [](double t) { return std::fmod(t, 0.5) < 0.002 ? 20U : 0U; };
  Rig rig(scenario, drift(0.5));
  rig.run_until(3.0);
  CHECK(rig.state() == State::running);
  CHECK(rig.controller->statistics().skipped > 50);
  CHECK_LIMITS_HELD(rig);

  scenario.lost_periods = [](double t) { return t > 1.0 ? 1U : 0U; };
  scenario.overruns_per_s = 100;
  Rig starving(scenario, drift(0.5));
  starving.run_until(3.0);
  CHECK(starving.cause() == Cause::overruns);
  CHECK_LIMITS_HELD(starving);
}

TEST_CASE("the flight record keeps what the policy said, what was planned and what was sent apart") {
  Scenario scenario;
  Rig rig(scenario, [](std::uint64_t, std::span<const float>, std::span<float> chunk) {
    for (std::size_t row = 0; row < 16; ++row) chunk[3 * row] = 5.0F;  // outside the bounds, and too far away
  });
  rig.run_until(1.0);
  const std::vector<TickRecord> records = rig.recorder.records();
  const TickRecord& last = records.back();
  CHECK(last.policy[0] == 5.0);
  CHECK(last.planned[0] == 2.0);
  CHECK(last.sent[0] < 2.0);
  CHECK(records.front().chunk == 0);
  CHECK(std::isnan(records.front().planned[0]));
}
