// The loop with its threads, in real time on scripted devices.
#include "runtime/loop.hpp"

#include <doctest.h>

#include <condition_variable>
#include <csignal>
#include <mutex>

#include "error.hpp"
#include "runtime/assemble.hpp"
#include "runtime/rig.hpp"
#include "runtime/scripted_devices.hpp"

using namespace retain;
using namespace retain::testing;

namespace {

constexpr double kRate_hz = 200.0;  // slow enough for sanitizers on a busy machine

LoopConfig config() {
  LoopConfig config;
  config.rate_hz = kRate_hz;
  config.duration_s = 0.6;
  config.execute_rows = 8;
  config.flow_steps = 4;
  config.state = {{"b", 0.0, 1.0}, {"a", 0.0, 1.0}, {"cup", 0.0, 1.0}};
  config.action = {{"b", 0.0, 1.0, true}, {"a", 0.0, 1.0, true}, {"cup", 0.0, 1.0, false}};
  config.limits = rig_limits();
  config.following_error = {1e9, 1e9, 1e9};
  config.instruction = {{1, 2}, {1, 1}};
  config.max_frame_age_s = 1.0;
  config.state_timeout_s = 1.0;
  config.inference_timeout_s = 0.3;
  config.hold_timeout_s = 0.2;
  config.start_timeout_s = 2.0;
  config.overruns_per_s_to_stop = 1'000;
  config.realtime = {.priority = {}, .cpu = {}, .lock_memory = false};
  config.log_s = 10.0;
  return config;
}

std::shared_ptr<ScriptedRobot> robot() {
  return std::make_shared<ScriptedRobot>(std::vector<RobotChannel>{{"a", "rad"}, {"b", "rad"}, {"cup", "1"}},
                                         LimitsWatch(rig_limits(), 1.0 / kRate_hz), std::vector<double>{0.0, 0.0, 0.0});
}

// In the policy's order the first channel is b.
void push_b(std::uint64_t, std::span<const float>, std::span<float> chunk) {
  for (std::size_t row = 0; row < chunk.size() / 3; ++row) chunk[3 * row] = 0.02F * static_cast<float>(row + 1);
}

std::shared_ptr<ScriptedEngine> engine(ScriptedEngine::Script script = push_b) {
  return std::make_shared<ScriptedEngine>(16, 3, std::move(script));
}

RunReport run(Loop& loop) {
  loop.start();
  while (!loop.wait(0.05)) {
  }
  return loop.report();
}

}  // namespace

TEST_CASE("a run moves the joint it means, within the limits, and ends at rest when its time is over") {
  const auto arm = robot();
  const auto loop = assemble(config(), arm, {std::make_shared<ScriptedCamera>()}, engine());
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
  LoopConfig endless = config();
  endless.duration_s = 0.0;
  const auto arm = robot();
  const auto loop = assemble(endless, arm, {std::make_shared<ScriptedCamera>()}, engine());
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
  LoopConfig endless = config();
  endless.duration_s = 0.0;
  const auto arm = robot();
  const auto loop = assemble(endless, arm, {std::make_shared<ScriptedCamera>()}, engine());
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
  LoopConfig endless = config();
  endless.duration_s = 0.0;
  endless.start_timeout_s = 0.5;
  {
    const auto arm = robot();
    const auto loop =
        assemble(endless, arm, {std::make_shared<ScriptedCamera>()},
                 engine([gate](std::uint64_t request, std::span<const float> state, std::span<float> chunk) {
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
  LoopConfig quick = config();
  quick.start_timeout_s = 0.1;
  CHECK_THROWS_WITH_AS(assemble(quick, robot(), {std::make_shared<ScriptedCamera>(false)}, engine())->start(),
                       doctest::Contains("camera front delivered no frame"), DeviceError);
  const auto outside =
      std::make_shared<ScriptedRobot>(std::vector<RobotChannel>{{"a", "rad"}, {"b", "rad"}, {"cup", "1"}},
                                      LimitsWatch(rig_limits(), 1.0), std::vector<double>{2.5, 0.0, 0.0});
  CHECK_THROWS_WITH_AS(assemble(quick, outside, {std::make_shared<ScriptedCamera>()}, engine())->start(),
                       doctest::Contains("channel a stands at 2.5"), DeviceError);
  CHECK(outside->watch().seen() == 0);
  CHECK_THROWS_WITH_AS(assemble(quick, robot(), {}, engine()),
                       doctest::Contains("camera front 4×4, which is not there"), ConfigError);
  // And after all these refusals a loop still runs.
  const auto loop = assemble(config(), robot(), {std::make_shared<ScriptedCamera>()}, engine());
  CHECK(run(*loop).state == State::hold);
}

TEST_CASE("one loop at a time, and each only once") {
  LoopConfig endless = config();
  endless.duration_s = 0.0;
  const auto first = assemble(endless, robot(), {std::make_shared<ScriptedCamera>()}, engine());
  const auto second = assemble(config(), robot(), {std::make_shared<ScriptedCamera>()}, engine());
  first->start();
  CHECK_THROWS_AS(second->start(), ConfigError);
  CHECK_THROWS_AS((void)first->report(), ConfigError);
  first->request_stop();
  CHECK(first->wait(5.0));
  CHECK_THROWS_AS(first->start(), ConfigError);
  CHECK(run(*second).state == State::hold);
}

TEST_CASE("a loop that is forgotten brings the arm to rest before it goes") {
  const auto arm = robot();
  LoopConfig endless = config();
  endless.duration_s = 0.0;
  {
    const auto loop = assemble(endless, arm, {std::make_shared<ScriptedCamera>()}, engine());
    loop->start();
    CHECK_FALSE(loop->wait(0.3));
  }
  CHECK_MESSAGE(arm->watch().broken().empty(), arm->watch().broken());
  CHECK(arm->watch().seen() > 20);
}
