#include <doctest.h>

#include <vector>

#include "engine/script_engine.hpp"
#include "error.hpp"

using namespace retain;

TEST_CASE("a script's rows come out of the flow, whatever the noise and the number of steps") {
  ScriptEngine engine({}, 1, 2, 1, [](std::span<const float> state, std::span<float> chunk) {
    chunk[0] = state[0] + 1.0F;
    chunk[1] = state[0] + 2.0F;
  });
  const std::vector<float> state{0.5F};
  PolicyInput input;
  input.state = state;
  for (const int steps : {1, 3, 10}) {
    engine.prefix(input);
    std::vector<float> x{-4.0F, 7.0F};
    std::vector<float> velocity(2);
    for (int i = 0; i < steps; ++i) {
      const std::vector<float> t(2, static_cast<float>(i) / static_cast<float>(steps));
      engine.step(x, t, velocity);
      for (std::size_t k = 0; k < x.size(); ++k) x[k] += velocity[k] / static_cast<float>(steps);
    }
    CHECK(x[0] == doctest::Approx(1.5));
    CHECK(x[1] == doctest::Approx(2.5));
  }
}

TEST_CASE("a script without rows, or shown something else, is refused") {
  const auto nothing = [](std::span<const float>, std::span<float>) {};
  CHECK_THROWS_AS(ScriptEngine({}, 1, 0, 1, nothing), EngineError);
  ScriptEngine engine({{"front", 2, 2}}, 1, 1, 1, nothing);
  const std::vector<float> state{0.0F};
  PolicyInput input;
  input.state = state;
  CHECK_THROWS_WITH_AS(engine.prefix(input), doctest::Contains("1 cameras was shown 1 and 0"), EngineError);
  std::vector<float> one(1);
  CHECK_THROWS_AS(engine.step(std::vector<float>(3), one, one), EngineError);
}
