// The loop with its threads, in real time on scripted devices.
#include "runtime/loop.hpp"

#include <doctest.h>

#include <condition_variable>
#include <csignal>
#include <mutex>

#include "error.hpp"
#include "runtime/assemble.hpp"
#include "runtime/scripted_loop.hpp"

using namespace retain;
using namespace retain::testing;

namespace {

RunReport run(Loop& loop) {
  loop.start();
  while (!loop.wait(0.05)) {
  }
  return loop.report();
}

}  // namespace

TEST_CASE("a run moves the joint it means, within the limits, and ends at rest when its time is over") {
  const auto arm = scripted_robot();
  const auto loop = assemble(scripted_config(), arm, {std::make_shared<ScriptedCamera>()}, scripted_engine());
  const RunReport report = run(*loop);
  CHECK(report.state == State::hold);
  CHECK(report.cause == Cause::time_over);
  CHECK(arm->position()[1] > 0.05);
  CHECK(arm->position()[0] == 0.0);
  CHECK_MESSAGE(arm->watch().broken().empty(), arm->watch().broken());
  CHECK(report.inference_counts.published >= 1);
  CHECK(report.ticks > 60);
  CHECK(loop->records().size() == report.ticks);
  CHECK(report.records_lost == 0);
  CHECK(report.frame_age.count > 0);
}

TEST_CASE("SIGINT ramps down, and the former handler is back after the run") {
  struct sigaction before{};
  sigaction(SIGINT, nullptr, &before);
  LoopConfig endless = scripted_config();
  endless.duration_s = 0.0;
  const auto arm = scripted_robot();
  const auto loop = assemble(endless, arm, {std::make_shared<ScriptedCamera>()}, scripted_engine());
  loop->start();
  CHECK_FALSE(loop->wait(0.3));
  std::raise(SIGINT);
  CHECK(loop->wait(5.0));
  CHECK(loop->report().state == State::hold);
  CHECK(loop->report().cause == Cause::operator_stop);
  CHECK_MESSAGE(arm->watch().broken().empty(), arm->watch().broken());
  struct sigaction after{};
  sigaction(SIGINT, nullptr, &after);
  CHECK((before.sa_handler == after.sa_handler));
}

TEST_CASE("a second signal drops the arm at once") {
  LoopConfig endless = scripted_config();
  endless.duration_s = 0.0;
  const auto arm = scripted_robot();
  const auto loop = assemble(endless, arm, {std::make_shared<ScriptedCamera>()}, scripted_engine());
  loop->start();
  CHECK_FALSE(loop->wait(0.2));
  std::raise(SIGTERM);
  std::raise(SIGINT);
  CHECK(loop->wait(5.0));
  CHECK(arm->dropped);
  CHECK(loop->report().cause == Cause::operator_drop);
}

TEST_CASE("an engine that never comes back cannot keep the arm or the process") {
  // Its thread stays behind until it is let go; everything it touches lives as long as it does.
  struct Gate {
    std::mutex mutex;
    std::condition_variable opened;
    bool open = false;
    std::atomic<bool> passed{false};
  };
  const auto gate = std::make_shared<Gate>();
  LoopConfig endless = scripted_config();
  endless.duration_s = 0.0;
  endless.start_timeout_s = 0.5;
  {
    const auto arm = scripted_robot();
    const auto loop =
        assemble(endless, arm, {std::make_shared<ScriptedCamera>()},
                 scripted_engine([gate](std::uint64_t request, std::span<const float> state, std::span<float> chunk) {
                   if (request == 1) {
                     std::unique_lock lock(gate->mutex);
                     gate->opened.wait(lock, [&] { return gate->open; });
                     gate->passed.store(true);
                   }
                   push_b(request, state, chunk);
                 }));
    const RunReport report = run(*loop);
    CHECK(report.state == State::fault);
    CHECK(report.cause == Cause::engine_hung);
    CHECK(report.infer_thread_left_behind);
  }
  {
    const std::lock_guard lock(gate->mutex);
    gate->open = true;
  }
  gate->opened.notify_all();
  for (int i = 0; i < 500 && !gate->passed.load(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(gate->passed.load());
  std::this_thread::sleep_for(std::chrono::milliseconds(100));  // it finishes publishing into parts that only it holds
}

TEST_CASE(
    "a camera without frames, an arm out of bounds, a wrong camera: refused in a sentence, nothing left running") {
  LoopConfig quick = scripted_config();
  quick.start_timeout_s = 0.1;
  CHECK_THROWS_WITH_AS(
      assemble(quick, scripted_robot(), {std::make_shared<ScriptedCamera>(false)}, scripted_engine())->start(),
      doctest::Contains("camera front delivered no frame"), DeviceError);
  const auto outside =
      std::make_shared<ScriptedRobot>(std::vector<RobotChannel>{{"a", "rad"}, {"b", "rad"}, {"cup", "1"}},
                                      LimitsWatch(rig_limits(), 1.0), std::vector<double>{2.5, 0.0, 0.0});
  CHECK_THROWS_WITH_AS(assemble(quick, outside, {std::make_shared<ScriptedCamera>()}, scripted_engine())->start(),
                       doctest::Contains("channel a stands at 2.5"), DeviceError);
  CHECK(outside->watch().seen() == 0);
  CHECK_THROWS_WITH_AS(assemble(quick, scripted_robot(), {}, scripted_engine()),
                       doctest::Contains("camera front 4×4, which is not there"), ConfigError);
  // And after all these refusals a loop still runs.
  const auto loop =
      assemble(scripted_config(), scripted_robot(), {std::make_shared<ScriptedCamera>()}, scripted_engine());
  CHECK(run(*loop).state == State::hold);
}

TEST_CASE("one loop at a time, and each only once") {
  LoopConfig endless = scripted_config();
  endless.duration_s = 0.0;
  const auto first = assemble(endless, scripted_robot(), {std::make_shared<ScriptedCamera>()}, scripted_engine());
  const auto second =
      assemble(scripted_config(), scripted_robot(), {std::make_shared<ScriptedCamera>()}, scripted_engine());
  first->start();
  CHECK_THROWS_AS(second->start(), ConfigError);
  CHECK_THROWS_AS((void)first->report(), ConfigError);
  first->request_stop();
  CHECK(first->wait(5.0));
  CHECK_THROWS_AS(first->start(), ConfigError);
  CHECK(run(*second).state == State::hold);
}

TEST_CASE("a loop that is forgotten brings the arm to rest before it goes") {
  const auto arm = scripted_robot();
  LoopConfig endless = scripted_config();
  endless.duration_s = 0.0;
  {
    const auto loop = assemble(endless, arm, {std::make_shared<ScriptedCamera>()}, scripted_engine());
    loop->start();
    CHECK_FALSE(loop->wait(0.3));
  }
  CHECK_MESSAGE(arm->watch().broken().empty(), arm->watch().broken());
  CHECK(arm->watch().seen() > 20);
}
