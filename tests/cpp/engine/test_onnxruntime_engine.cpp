#include <doctest.h>

#include <array>
#include <fstream>
#include <numeric>
#include <thread>
#include <vector>

#include "engine/onnxruntime_engine.hpp"
#include "error.hpp"
#include "tiny_graphs.hpp"

namespace retain {

using testing::kChannels;
using testing::kHorizon;
using testing::TinyPolicy;

constexpr std::size_t kChunk = kHorizon * kChannels;

// An observation, and what must come of it.
struct Observation {
  std::array<std::uint8_t, 12> image{};
  std::array<std::int64_t, 3> tokens{};
  std::array<std::uint8_t, 3> mask{1, 1, 0};
  std::array<float, 2> state{2.0F, -3.0F};

  [[nodiscard]] PolicyInput input() const { return {{image}, tokens, mask, state}; }
};

OnnxRuntimeEngine open(const EngineSpec& spec, const OnnxRuntimeOptions& options = {}) {
  return {spec, RETAIN_ONNXRUNTIME, options};
}

std::vector<float> step(OnnxRuntimeEngine& engine) {
  std::vector<float> x(kChunk);
  std::iota(x.begin(), x.end(), 0.0F);
  const std::array<float, kHorizon> t{0.0F, 0.5F, 1.0F, 2.0F};
  std::vector<float> velocity(kChunk);
  engine.step(x, t, velocity);
  return velocity;
}

// x * t + state² + weight, row by row.
const std::vector<float> kExpected{14, 29, 15, 30.5, 18, 34, 26, 43};

TEST_CASE("prefix and step compute the policy, with a flow time per row") {
  const TinyPolicy policy;
  auto engine = open(policy.spec());
  engine.prefix(Observation().input());
  CHECK(step(engine) == kExpected);
  CHECK(step(engine) == kExpected);  // the cache stays
}

TEST_CASE("graphs without optimization, and with more threads, compute the same") {
  const TinyPolicy policy;
  for (const auto& options : {OnnxRuntimeOptions{.provider_options = {}, .optimize = false},
                              OnnxRuntimeOptions{.threads = 2, .provider_options = {}}}) {
    auto engine = open(policy.spec(), options);
    engine.prefix(Observation().input());
    CHECK(step(engine) == kExpected);
  }
}

TEST_CASE("another weight file is another policy") {
  const TinyPolicy policy;
  policy.write_weight(0.0F, 0.0F);
  auto engine = open(policy.spec());
  engine.prefix(Observation().input());
  CHECK(step(engine).front() == 4.0F);
}

TEST_CASE("what the prefix computed can be read") {
  const TinyPolicy policy;
  auto engine = open(policy.spec());
  engine.prefix(Observation().input());
  const auto bytes = engine.prefix_output("kv");
  REQUIRE(bytes.size() == 2 * sizeof(float));
  CHECK(reinterpret_cast<const float*>(bytes.data())[1] == 29.0F);
  CHECK_THROWS_WITH_AS((void)engine.prefix_output("velocity"), doctest::Contains("velocity"), EngineError);
}

TEST_CASE("a step before any prefix is refused") {
  const TinyPolicy policy;
  auto engine = open(policy.spec());
  CHECK_THROWS_WITH_AS(step(engine), doctest::Contains("call prefix first"), EngineError);
}

TEST_CASE("inputs of the wrong size are refused, and the last observation with them") {
  const TinyPolicy policy;
  auto engine = open(policy.spec());
  Observation observation;
  engine.prefix(observation.input());
  auto input = observation.input();
  SUBCASE("no image") {
    input.images.clear();
    CHECK_THROWS_WITH_AS(engine.prefix(input), doctest::Contains("1 camera images, got 0"), EngineError);
  }
  SUBCASE("a cropped image") {
    input.images[0] = input.images[0].first(9);
    CHECK_THROWS_WITH_AS(engine.prefix(input), doctest::Contains("image.front uint8[1,2,2,3], got 9"), EngineError);
    CHECK_THROWS_AS(step(engine), EngineError);
  }
  SUBCASE("a short state") {
    input.state = input.state.first(1);
    CHECK_THROWS_WITH_AS(engine.prefix(input), doctest::Contains("state float32[1,2], got 1"), EngineError);
  }
  SUBCASE("a short chunk") {
    std::vector<float> x(kChunk - 1);
    std::vector<float> velocity(kChunk);
    const std::array<float, kHorizon> t{};
    CHECK_THROWS_WITH_AS(engine.step(x, t, velocity), doctest::Contains("x float32[1,4,2], got 7"), EngineError);
  }
}

TEST_CASE("a manifest that describes another graph is refused with both sides") {
  const TinyPolicy policy;
  auto spec = policy.spec();
  spec.prefix.inputs[3].shape = {1, 5};
  CHECK_THROWS_WITH_AS(open(spec), doctest::Contains("state float32[1,5]"), EngineError);
}

TEST_CASE("files that are missing or broken are named") {
  const TinyPolicy policy;
  SUBCASE("no graph") { std::filesystem::remove(policy.spec().step->file); }
  SUBCASE("a truncated graph") { std::filesystem::resize_file(policy.spec().step->file, 40); }
  CHECK_THROWS_WITH_AS(open(policy.spec()), doctest::Contains("step.onnx"), EngineError);
}

TEST_CASE("weights that are too short for their offset are refused") {
  const TinyPolicy policy;
  std::filesystem::resize_file(policy.directory() / "weights.bin", 12);
  CHECK_THROWS_AS(open(policy.spec()), EngineError);
}

TEST_CASE("a provider that this library lacks is one sentence") {
  const TinyPolicy policy;
  CHECK_THROWS_WITH_AS(open(policy.spec(), {.provider = "no-such-provider", .provider_options = {}}),
                       doctest::Contains("no-such-provider"), EngineError);
  CHECK_THROWS_WITH_AS(open(policy.spec(), {.provider_options = {{"x", "1"}}}), doctest::Contains("no options"),
                       EngineError);
}

TEST_CASE("an engine may be opened on one thread and used on another") {
  const TinyPolicy policy;
  auto engine = open(policy.spec());
  std::vector<float> velocity;
  std::thread([&] {
    engine.prefix(Observation().input());
    velocity = step(engine);
  }).join();
  CHECK(velocity == kExpected);
}

}  // namespace retain
