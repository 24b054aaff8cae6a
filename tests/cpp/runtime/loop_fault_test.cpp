// Faults of devices in the loop with its threads, in real time.
#include <doctest.h>

#include <chrono>
#include <thread>

#include "runtime/assemble.hpp"
#include "runtime/scripted_loop.hpp"

using namespace retain;
using namespace retain::testing;

namespace {

/// Waits for a condition, generously: these machines are shared.
template <typename Condition>
bool eventually(Loop& loop, Condition condition) {
  for (int i = 0; i < 600; ++i) {
    if (condition()) return true;
    (void)loop.wait(0.05);
  }
  return false;
}

LoopConfig attended() {
  LoopConfig config = scripted_config();
  config.duration_s = 0.0;
  config.attended = true;
  return config;
}

}  // namespace

TEST_CASE("a camera that is unplugged stops the arm; plugged in again it is found, and the operator re-arms") {
  const auto arm = scripted_robot();
  const auto camera = std::make_shared<ScriptedCamera>();
  const auto loop = assemble(attended(), arm, {camera}, scripted_engine());
  loop->start();
  REQUIRE(eventually(*loop, [&] { return loop->status().chunks >= 2; }));
  camera->unplugged.store(true);
  REQUIRE(eventually(*loop, [&] { return loop->status().state == State::fault; }));
  CHECK(loop->status().cause == Cause::camera_lost);
  REQUIRE(eventually(*loop, [&] { return camera->opened.load() >= 2; }));  // it tries, off the tick
  const std::uint64_t ticks = loop->status().ticks;
  REQUIRE(eventually(*loop, [&] { return loop->status().ticks > ticks + 20; }));
  camera->unplugged.store(false);
  REQUIRE(eventually(*loop, [&] {
    loop->request_rearm();
    return loop->status().state == State::running;
  }));
  const std::uint64_t chunks = loop->status().chunks;
  CHECK(eventually(*loop, [&] { return loop->status().chunks > chunks; }));
  loop->request_stop();
  REQUIRE(eventually(*loop, [&] { return loop->wait(0.05); }));
  const RunReport report = loop->report();
  CHECK(report.state == State::hold);
  CHECK(report.rearmed == 1);
  REQUIRE(report.cameras.size() == 1);
  CHECK(report.cameras[0].losses == 1);
  CHECK_MESSAGE(arm->watch().broken().empty(), arm->watch().broken());
}

TEST_CASE("innate-os #848, in full: fresh numbers and time stamps on one picture are a frozen camera") {
  LoopConfig config = scripted_config();
  config.duration_s = 0.0;
  config.frozen_after = 5;
  config.max_frame_age_s = 0.1;
  const auto arm = scripted_robot();
  const auto camera = std::make_shared<ScriptedCamera>();
  const auto loop = assemble(config, arm, {camera}, scripted_engine());
  loop->start();
  REQUIRE(eventually(*loop, [&] { return loop->status().chunks >= 2; }));
  camera->repeats.store(true);
  REQUIRE(eventually(*loop, [&] { return loop->wait(0.05); }));
  CHECK(loop->report().state == State::fault);
  CHECK(loop->report().cause == Cause::stale_frames);
  CHECK(loop->report().cameras[0].frozen > 0);
  CHECK_MESSAGE(arm->watch().broken().empty(), arm->watch().broken());
}

TEST_CASE("a robot that paces is the loop's clock") {
  LoopConfig config = scripted_config();
  config.rate_hz = 200.0;
  const auto arm = scripted_robot();
  arm->cycle_ns = to_ns(1.0 / 200.0);
  const auto loop = assemble(config, arm, {std::make_shared<ScriptedCamera>()}, scripted_engine());
  loop->start();
  REQUIRE(eventually(*loop, [&] { return loop->wait(0.05); }));
  CHECK(loop->report().cause == Cause::time_over);
  // At most one tick per cycle of the robot.
  const std::vector<TickRecord> records = loop->records();
  REQUIRE(records.size() > 10);
  const double took_s = to_s(records.back().time_ns - records.front().time_ns);
  CHECK(static_cast<double>(records.size() - 1) <= took_s * 200.0 * 1.01 + 2.0);
  CHECK_MESSAGE(arm->watch().broken().empty(), arm->watch().broken());
}

TEST_CASE("an idle engine is kept warm while the arm waits, and its runs count as nothing") {
  LoopConfig config = attended();
  config.keep_warm_s = 0.02;
  const auto engine = scripted_engine();
  const auto camera = std::make_shared<ScriptedCamera>();
  const auto loop = assemble(config, scripted_robot(), {camera}, engine);
  loop->start();
  REQUIRE(eventually(*loop, [&] { return loop->status().chunks >= 1; }));
  camera->unplugged.store(true);
  REQUIRE(eventually(*loop, [&] { return loop->status().state == State::fault; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const std::uint64_t runs = engine->runs();
  CHECK(eventually(*loop, [&] { return engine->runs() > runs + 3; }));
  loop->request_stop();
  REQUIRE(eventually(*loop, [&] { return loop->wait(0.05); }));
  const RunReport report = loop->report();
  CHECK(report.inference_counts.requests + kWarmUpRuns + 3 < engine->runs());
  CHECK(report.inference.count == report.inference_counts.requests);
}
