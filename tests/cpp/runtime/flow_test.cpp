#include "runtime/flow.hpp"

#include <doctest.h>

#include <cmath>

#include "runtime/noise.hpp"
#include "runtime/schedule.hpp"
#include "runtime/scripted_devices.hpp"

using namespace retain;

namespace {

// v(x, t) = x: Euler gives x₀·(1 + 1/n)ⁿ.
class Growth final : public Engine {
 public:
  Growth() {
    info_ = {.description = "growth", .images = {}, .max_tokens = 1, .state_dim = 1, .horizon = 2, .action_dim = 3};
  }
  [[nodiscard]] const EngineInfo& info() const noexcept override { return info_; }
  void prefix(const PolicyInput&) override {}
  void step(std::span<const float> x, std::span<const float> t, std::span<float> velocity) override {
    times.push_back(t[0]);
    CHECK(t[0] == t[1]);
    std::copy(x.begin(), x.end(), velocity.begin());
  }
  std::vector<float> times;

 private:
  EngineInfo info_;
};

}  // namespace

TEST_CASE("the flow is integrated from noise at t = 0 by Euler's method") {
  Growth engine;
  FlowSampler flow(2, 3, 5);
  const std::span<const float> x = flow.sample(engine, 3, 4);
  std::vector<float> noise(6);
  standard_normal(3, 4, noise);
  for (std::size_t i = 0; i < 6; ++i) CHECK(x[i] == doctest::Approx(noise[i] * std::pow(1.2, 5)));
  REQUIRE(engine.times.size() == 5);
  for (std::size_t i = 0; i < 5; ++i) CHECK(engine.times[i] == doctest::Approx(0.2 * static_cast<double>(i)));
  CHECK_THROWS_AS(FlowSampler(2, 3, 0), ConfigError);
}

TEST_CASE("a schedule that cannot work is refused with its numbers") {
  Schedule schedule{.strategy = Strategy::async, .horizon = 16, .execute_rows = 8, .dt_ns = to_ns(0.1)};
  check_schedule(schedule);
  schedule.execute_rows = 16;
  CHECK_THROWS_WITH_AS(check_schedule(schedule), doctest::Contains("16 rows between requests of a chunk of 16"),
                       ConfigError);
  schedule.strategy = Strategy::sync;
  check_schedule(schedule);
  schedule.execute_rows = 17;
  CHECK_THROWS_AS(check_schedule(schedule), ConfigError);
  schedule = {.strategy = Strategy::rtc_prefix, .horizon = 16, .execute_rows = 8, .dt_ns = to_ns(0.1)};
  CHECK_THROWS_WITH_AS(check_schedule(schedule), doctest::Contains("max_trained_delay is 0"), ConfigError);
}

TEST_CASE("a policy too slow for its schedule is refused with d, s, H and what would fit") {
  Schedule schedule{.strategy = Strategy::async, .horizon = 16, .execute_rows = 8, .dt_ns = to_ns(0.1)};
  for (std::size_t s = 1; s < 16; ++s) {
    for (std::size_t d = 0; d < 20; ++d) {
      schedule.execute_rows = s;
      const Nanoseconds latency_ns = static_cast<Nanoseconds>(d) * schedule.dt_ns;
      CAPTURE(s);
      CAPTURE(d);
      if (d <= s && s <= 16 - std::min<std::size_t>(d, 16)) {
        CHECK_NOTHROW(check_feasible(schedule, latency_ns));
      } else {
        CHECK_THROWS_AS(check_feasible(schedule, latency_ns), ConfigError);
      }
    }
  }
  schedule.execute_rows = 2;
  CHECK_THROWS_WITH_AS(check_feasible(schedule, to_ns(0.31)), doctest::Contains("choose from 4 to 12 rows"),
                       ConfigError);
  schedule.execute_rows = 8;
  schedule.strategy = Strategy::rtc_prefix;
  schedule.max_trained_delay = 3;
  check_feasible(schedule, to_ns(0.3));
  CHECK_THROWS_WITH_AS(check_feasible(schedule, to_ns(0.301)), doctest::Contains("continue at most 3"), ConfigError);
  schedule.strategy = Strategy::sync;
  check_feasible(schedule, to_ns(100.0));
}
