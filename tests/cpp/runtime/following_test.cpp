// A plan's rows through sampler and limiter together: what the arm makes of them.
#include <doctest.h>

#include <cmath>
#include <random>
#include <vector>

#include "runtime/limiter.hpp"
#include "runtime/sampler.hpp"

using namespace retain;

namespace {

constexpr double kRow_s = 0.1;
constexpr double kPeriod_s = 0.005;
// Of a servo arm: 0.1 s to full acceleration, as long as a row.
const std::vector<ChannelLimits> kServo{{"joint", Interpolation::linear, -10.0, 10.0, 3.0, 15.0, 150.0}};

struct Way {
  std::vector<double> planned;
  std::vector<double> sent;
};

Way follow(const std::vector<double>& rows) {
  Chunk chunk(rows.size(), 1);
  chunk.id = 1;
  chunk.dt_ns = to_ns(kRow_s);
  chunk.playable_rows = rows.size();
  chunk.origin = {rows.front()};
  chunk.planned = rows;
  Limiter limiter(kServo, kPeriod_s);
  limiter.reset(std::span(rows).first(1));
  Way way;
  const std::vector<Interpolation> linear{Interpolation::linear};
  for (Nanoseconds now_ns = to_ns(kPeriod_s); now_ns <= chunk.due_ns(rows.size() - 1); now_ns += to_ns(kPeriod_s)) {
    Target target;
    sample(chunk, linear, now_ns, target);
    limiter.follow({target.position.data(), 1}, {target.velocity.data(), 1});
    way.planned.push_back(target.position[0]);
    way.sent.push_back(limiter.command()[0]);
  }
  return way;
}

double rms(const std::vector<double>& values) {
  double sum = 0.0;
  for (const double value : values) sum += value * value;
  return std::sqrt(sum / static_cast<double>(values.size()));
}

double rms_apart(const Way& way) {
  std::vector<double> apart;
  for (std::size_t i = 0; i < way.sent.size(); ++i) apart.push_back(way.sent[i] - way.planned[i]);
  return rms(apart);
}

}  // namespace

TEST_CASE("rows that shake faster than the jerk limit can follow do not come out larger than they are") {
  std::mt19937_64 random(1);
  for (const double size : {0.003, 0.01, 0.03, 0.1}) {
    CAPTURE(size);
    std::normal_distribution<double> noise(0.0, size);
    std::vector<double> rows(600);
    for (double& row : rows) row = noise(random);
    const Way way = follow(rows);
    // A target's own slope for its speed gave 2.4 to 2.9 times.
    CHECK(rms(way.sent) < 1.25 * rms(way.planned));
  }
}

TEST_CASE("a way that keeps its speed is followed without lag, its corners within the limits") {
  std::vector<double> rows(80);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = 0.1 * static_cast<double>(std::min<std::size_t>(i, 40));
  const Way way = follow(rows);
  CHECK(rms_apart(way) < 0.02);
  // In the middle of the ramp, far from both corners, there is nothing between the two.
  for (std::size_t i = 400; i < 700; ++i) CHECK(std::abs(way.sent[i] - way.planned[i]) < 1e-6);
}

TEST_CASE("a swing that the limits allow is followed closely") {
  std::vector<double> rows(200);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i] = 0.5 * std::sin(3.14159265 * kRow_s * static_cast<double>(i));  // half a swing a second
  }
  const Way way = follow(rows);
  CHECK(rms_apart(way) < 0.06 * rms(way.planned));
}
