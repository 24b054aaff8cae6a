// Defects that other systems shipped, met by this loop on purpose. Each names its source.
#include <doctest.h>

#include <cmath>
#include <limits>

#include "runtime/rig.hpp"

using namespace retain;
using namespace retain::testing;

TEST_CASE("lerobot #4223, #4454: rows are dropped by the time that passed, never by an estimated delay") {
  // After one slow request an estimator would drop 21 rows of each following chunk; here the first row that plays is
  // the one whose time it is.
  Scenario scenario;
  scenario.horizon = 30;
  scenario.execute_rows = 5;
  scenario.delay_s = [](std::uint64_t request) { return request == 1 ? 2.1 : 0.03; };
  Rig rig(scenario, drift(0.1));
  std::uint64_t last = 0;
  rig.run_until(8.0, [&](double) {
    const Chunk& chunk = rig.chunks.front();
    if (chunk.id == last || chunk.id == 0) return;
    last = chunk.id;
    const auto row_now = static_cast<std::size_t>((rig.clock.now_ns() - chunk.observed_ns) / chunk.dt_ns);
    const std::vector<TickRecord> records = rig.recorder.records();
    CHECK(records.back().row == row_now);
    if (chunk.id > 1) CHECK(row_now <= 1);
  });
  CHECK(last > 5);
}

TEST_CASE("lerobot #4223, #2541: the first, slow inference leaves no trace in the schedule") {
  Scenario scenario;
  scenario.delay_s = [](std::uint64_t request) { return request == 1 ? 1.2 : 0.05; };
  Rig rig(scenario, drift(0.1));
  Nanoseconds last_observed_ns = 0;
  std::uint64_t last = 0;
  rig.run_until(8.0, [&](double) {
    const Chunk& chunk = rig.chunks.front();
    if (chunk.id == last || chunk.id == 0) return;
    // From the third chunk on, one request every 8 rows (plus the wait for a frame), as if nothing had happened.
    if (chunk.id > 2) CHECK(to_s(chunk.observed_ns - last_observed_ns) == doctest::Approx(0.8).epsilon(0.06));
    last = chunk.id;
    last_observed_ns = chunk.observed_ns;
  });
  CHECK(last > 5);
}

TEST_CASE("lerobot #4122: an action order that differs from the robot's moves the right joints") {
  const std::vector<RobotChannel> robot{{"pan", "rad"}, {"lift", "rad"}, {"grip", "1"}};
  const ActionCodec codec({{"grip", 0.0, 1.0}, {"pan", 0.0, 1.0}, {"lift", 0.0, 1.0}},
                          {{"grip", 0.0, 1.0, false}, {"lift", 1.0, 2.0, false}, {"pan", 0.0, 1.0, true}}, robot);
  const ChannelValues measured{0.1, 0.2, 0.3};
  std::vector<float> state(3);
  codec.encode_state(measured, state);
  CHECK(state[0] == doctest::Approx(0.3));
  CHECK(state[1] == doctest::Approx(0.1));
  const std::vector<float> row{0.5F, 0.25F, 0.75F};
  std::vector<double> values(3);
  codec.decode_action(row, measured, values);
  CHECK(values[0] == doctest::Approx(0.85));  // pan: delta on its own measurement
  CHECK(values[1] == doctest::Approx(1.5));   // lift: 1 + 2·0.25
  CHECK(values[2] == doctest::Approx(0.5));
}

TEST_CASE("strands #779: deltas are anchored at the state of the observation, not at a later one") {
  Scenario scenario;
  scenario.delta = true;
  scenario.delay_s = [](std::uint64_t request) { return request == 1 ? 0.0 : 0.4; };
  Rig rig(scenario, [](std::uint64_t, std::span<const float>, std::span<float> chunk) {
    for (std::size_t row = 0; row < 16; ++row) chunk[3 * row] = 0.05F * static_cast<float>(row + 1);
  });
  std::uint64_t last = 0;
  rig.run_until(4.0, [&](double) {
    const Chunk& chunk = rig.chunks.front();
    if (chunk.id == last || chunk.id == 0) return;
    last = chunk.id;
    Motion at_observation;
    REQUIRE(rig.history.at(chunk.observed_ns, at_observation));
    CHECK(chunk.policy_row(0)[0] == doctest::Approx(at_observation.measured[0] + 0.05).epsilon(1e-5));
    // The arm has moved on by now; anchoring here would shift the whole chunk.
    if (last > 1) CHECK(std::abs(rig.robot.position()[0] - at_observation.measured[0]) > 0.1);
  });
  CHECK(last >= 3);
}

TEST_CASE("strands #2413: nothing is paced by the wall clock, so its steps cannot freeze or hurry the arm") {
  // The clock that paces is CLOCK_MONOTONIC by construction; it never goes back, whatever happens to CLOCK_REALTIME.
  MonotonicClock clock;
  Nanoseconds last_ns = clock.now_ns();
  for (int i = 0; i < 100'000; ++i) {
    const Nanoseconds now_ns = clock.now_ns();
    REQUIRE(now_ns >= last_ns);
    last_ns = now_ns;
  }
  timespec monotonic{};
  clock_gettime(CLOCK_MONOTONIC, &monotonic);
  CHECK(std::abs(to_s(last_ns) - static_cast<double>(monotonic.tv_sec)) < 2.0);
}

TEST_CASE("lerobot #4056: a chunk that is late is played, not thrown away") {
  Scenario scenario;
  scenario.delay_s = [](std::uint64_t) { return 1.2; };  // always later than the 8 rows it was meant to follow
  scenario.hold_timeout_s = 3.0;
  Rig rig(scenario, drift(0.1));
  rig.run_until(15.0);
  CHECK(rig.state() == State::running);
  CHECK(rig.inference->statistics().published >= 10);
  CHECK(rig.controller->statistics().actions > 40);
}

TEST_CASE("innate-os #848: a bridge that repeats its last frame is stale, however often it delivers") {
  Scenario scenario;
  scenario.camera_works = [](double) { return false; };
  Rig rig(scenario, drift(0.1));
  const Nanoseconds taken_ns = rig.clock.now_ns();
  rig.run_until(3.0, [&](double) {
    rig.feeds[0]->frames.back() = Rig::frame(taken_ns, 1);
    rig.feeds[0]->frames.publish();
  });
  CHECK(rig.inference->statistics().requests == 1);
  CHECK(rig.health.frames_stale.load());
}

TEST_CASE("a frame of another size than the policy's never reaches the engine") {
  Scenario scenario;
  scenario.camera_works = [](double) { return false; };
  Rig rig(scenario, drift(0.1));
  std::uint64_t number = 0;
  rig.run_until(1.0, [&](double) {
    Frame& frame = rig.feeds[0]->frames.back();
    frame = Rig::frame(rig.clock.now_ns(), ++number);
    frame.height = frame.width = 8;
    frame.rgb.assign(192, 0);
    rig.feeds[0]->frames.publish();
  });
  CHECK(rig.inference->statistics().requests == 0);
}

TEST_CASE("lerobot ensure_safe_goal_position: NaN is not clamped into a command") {
  // std::clamp keeps a NaN and fmax(lo, fmin(NaN, hi)) is hi, full scale; the gates ask isfinite first.
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(std::isnan(std::clamp(nan, -1.0, 1.0)));
  CHECK(std::fmax(-1.0, std::fmin(nan, 1.0)) == 1.0);
  CHECK_FALSE(std::isfinite(nan));  // with -ffast-math this would be true; CMake refuses that flag

  Limiter limiter(rig_limits(), 0.002);
  const std::vector<double> start{0.3, 0.0, 0.0};
  limiter.reset(start);
  const std::vector<double> target{nan, 0.0, 0.0};
  const std::vector<double> velocity{0.0, 0.0, 0.0};
  limiter.follow(target, velocity);
  CHECK(limiter.command()[0] == 0.3);
}
