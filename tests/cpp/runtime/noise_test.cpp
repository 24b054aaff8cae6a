#include "runtime/noise.hpp"

#include <doctest.h>

#include <cmath>
#include <vector>

using retain::standard_normal;

TEST_CASE("noise is standard normal") {
  std::vector<float> x(200'000);
  standard_normal(3, 1, x);
  double mean = 0.0;
  double square = 0.0;
  double fourth = 0.0;
  std::size_t beyond_one = 0;
  for (const float v : x) {
    mean += v;
    square += static_cast<double>(v) * v;
    fourth += std::pow(static_cast<double>(v), 4);
    beyond_one += std::abs(v) > 1.0F ? 1 : 0;
  }
  const auto n = static_cast<double>(x.size());
  CHECK(mean / n == doctest::Approx(0.0).epsilon(0.01));
  CHECK(square / n == doctest::Approx(1.0).epsilon(0.01));
  CHECK(fourth / n == doctest::Approx(3.0).epsilon(0.03));
  CHECK(static_cast<double>(beyond_one) / n == doctest::Approx(0.3173).epsilon(0.01));  // U[-1, 1) would give 0
}

TEST_CASE("the same seed and chunk give the same noise; another of either gives another") {
  std::vector<float> a(100);
  std::vector<float> b(100);
  standard_normal(1, 2, a);
  standard_normal(1, 2, b);
  CHECK(a == b);
  standard_normal(1, 3, b);
  CHECK(a != b);
  standard_normal(2, 2, b);
  CHECK(a != b);
}

TEST_CASE("a longer draw begins with a shorter one's numbers") {
  std::vector<float> shorter(6);
  std::vector<float> longer(64);
  standard_normal(9, 9, shorter);
  standard_normal(9, 9, longer);
  CHECK(std::equal(shorter.begin(), shorter.end(), longer.begin()));
}

TEST_CASE("the first numbers of seed 0 are these on every machine") {
  // Philox4x32-10 of zero counter and key is 6627E8D5 E169C58D BC57AC4C 9B00DBD8 (Random123's known answers).
  std::vector<float> x(4);
  standard_normal(0, 0, x);
  const auto unit = [](double bits) { return (bits + 0.5) / 4294967296.0; };
  const double pi = std::acos(-1.0);
  CHECK(x[0] == doctest::Approx(std::sqrt(-2.0 * std::log(unit(0x6627E8D5))) * std::cos(2.0 * pi * unit(0xE169C58D))));
  CHECK(x[1] == doctest::Approx(std::sqrt(-2.0 * std::log(unit(0x6627E8D5))) * std::sin(2.0 * pi * unit(0xE169C58D))));
  CHECK(x[2] == doctest::Approx(std::sqrt(-2.0 * std::log(unit(0xBC57AC4C))) * std::cos(2.0 * pi * unit(0x9B00DBD8))));
}
