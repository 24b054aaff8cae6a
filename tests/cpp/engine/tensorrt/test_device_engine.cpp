#include <doctest.h>

#include <array>
#include <memory>
#include <vector>

#include "allocation_count.hpp"
#include "engine/tensorrt/device_engine.hpp"
#include "error.hpp"
#include "fake_gpu.hpp"

namespace retain {
namespace {

using testing::AllocationCount;
using testing::FakeGpu;
using testing::FakePlan;

const TensorSpec kImage{"image.front", ElementType::kUInt8, {1, 2, 2, 3}};
const TensorSpec kTokens{"tokens", ElementType::kInt64, {1, 3}};
const TensorSpec kMask{"token_mask", ElementType::kBool, {1, 3}};
const TensorSpec kState{"state", ElementType::kFloat32, {1, 2}};
const TensorSpec kKv{"kv", ElementType::kFloat32, {1, 2}};
const TensorSpec kX{"x", ElementType::kFloat32, {1, 4, 2}};
const TensorSpec kT{"t", ElementType::kFloat32, {1, 4}};
const TensorSpec kVelocity{"velocity", ElementType::kFloat32, {1, 4, 2}};
const TensorSpec kChunk{"chunk", ElementType::kFloat32, {1, 4, 2}};

// kv = state · (number of words); velocity = x · t + kv + state, row by row: π0 reads the state in the step again.
struct Policy {
  GraphSpec prefix{"prefix.engine", {kImage, kTokens, kMask, kState}, {kKv}};
  GraphSpec step{"step.engine", {kX, kT, kKv, kState}, {kVelocity}};
  FakePlan* prefix_plan = nullptr;
  FakePlan* step_plan = nullptr;

  Plans plans() {
    auto first = std::make_unique<FakePlan>(prefix.inputs, prefix.outputs, [](const FakePlan::Memory& at) {
      const auto* mask = reinterpret_cast<const std::uint8_t*>(at("token_mask"));
      const auto words = static_cast<float>(mask[0] + mask[1] + mask[2]);
      for (int i = 0; i < 2; ++i) at("kv")[i] = at("state")[i] * words;
    });
    auto second = std::make_unique<FakePlan>(step.inputs, step.outputs, [](const FakePlan::Memory& at) {
      for (int row = 0; row < 4; ++row) {
        for (int i = 0; i < 2; ++i) {
          at("velocity")[2 * row + i] = at("x")[2 * row + i] * at("t")[row] + at("kv")[i] + at("state")[i];
        }
      }
    });
    prefix_plan = first.get();
    step_plan = second.get();
    return {std::move(first), std::move(second)};
  }

  std::unique_ptr<DeviceEngine> open() {
    return std::make_unique<DeviceEngine>(EngineSpec{prefix, step},
                                          std::make_shared<const cuda::Device>(FakeGpu::api()), plans(), "fake");
  }
};

struct Observation {
  std::array<std::uint8_t, 12> image{};
  std::array<std::int64_t, 3> tokens{};
  std::array<std::uint8_t, 3> mask{1, 1, 0};
  std::array<float, 2> state{2.0F, -3.0F};

  [[nodiscard]] PolicyInput input() const { return {{image}, tokens, mask, state}; }
};

constexpr std::array<float, 8> kNoise{1, 2, 3, 4, 5, 6, 7, 8};
constexpr std::array<float, 4> kTimes{0.0F, 0.5F, 1.0F, 2.0F};
const std::vector<float> kExpected{6, -9, 7.5F, -7, 11, -3, 20, 7};

std::vector<float> step(DeviceEngine& engine) {
  std::vector<float> velocity(8);
  engine.step(kNoise, kTimes, velocity);
  return velocity;
}

TEST_CASE("prefix and step compute the policy on the GPU, with a flow time per row") {
  FakeGpu gpu;
  Policy policy;
  const auto engine = policy.open();
  engine->prefix(Observation().input());
  CHECK(step(*engine) == kExpected);
  CHECK(step(*engine) == kExpected);  // keys and values stay
  CHECK(engine->info().description == "fake");
}

TEST_CASE("keys, values and the state stay on the GPU between prefix and step") {
  FakeGpu gpu;
  Policy policy;
  const auto engine = policy.open();
  for (const char* name : {"kv", "state"}) {
    const auto address = [name](const FakePlan& plan) {
      for (const auto& [bound, memory] : plan.bound) {
        if (bound == name) return memory;
      }
      return cuda::DevicePointer{0};
    };
    CHECK(address(*policy.prefix_plan) != 0);
    CHECK(address(*policy.prefix_plan) == address(*policy.step_plan));
  }
  CHECK(gpu.device_allocations == 8);  // image, tokens, mask, state, kv, x, t, velocity: each once
  CHECK(gpu.pinned_allocations == 7);  // all of them but kv
}

TEST_CASE("after the constructor everything is replayed and nothing is allocated") {
  FakeGpu gpu;
  Policy policy;
  const auto engine = policy.open();
  const Observation observation;
  const PolicyInput input = observation.input();
  std::vector<float> velocity(8);
  const int allocations = gpu.allocations;
  const int launches = gpu.launches;
  const int enqueued = policy.step_plan->enqueued;
  CHECK(enqueued == 2);  // once as it is, once recorded
  AllocationCount count;
  engine->prefix(input);
  for (int i = 0; i < 10; ++i) engine->step(kNoise, kTimes, velocity);
  CHECK(count.stop() == 0);
  CHECK(gpu.allocations == allocations);
  CHECK(gpu.launches == launches + 11);
  CHECK(policy.step_plan->enqueued == enqueued);
  CHECK(velocity == kExpected);
}

TEST_CASE("a plan that cannot be recorded runs kernel by kernel, and says so") {
  FakeGpu gpu;
  gpu.refuse_capture = true;
  Policy policy;
  const auto engine = policy.open();
  engine->prefix(Observation().input());
  CHECK(step(*engine) == kExpected);
  CHECK(gpu.launches == 0);
  CHECK(engine->info().description == "fake, launched kernel by kernel");
}

TEST_CASE("what the prefix computed can be read from the GPU") {
  FakeGpu gpu;
  Policy policy;
  const auto engine = policy.open();
  engine->prefix(Observation().input());
  const auto bytes = engine->prefix_output("kv");
  REQUIRE(bytes.size() == 2 * sizeof(float));
  CHECK(reinterpret_cast<const float*>(bytes.data())[0] == 4.0F);
  CHECK_THROWS_WITH_AS((void)engine->prefix_output("velocity"), doctest::Contains("velocity"), EngineError);
}

TEST_CASE("a policy that regresses hands its chunk over, and has no step") {
  FakeGpu gpu;
  const GraphSpec prefix{"prefix.engine", {kImage, kState}, {kChunk}};
  Plans plans{std::make_unique<FakePlan>(prefix.inputs, prefix.outputs,
                                         [](const FakePlan::Memory& at) { at("chunk")[7] = at("state")[1]; }),
              nullptr};
  DeviceEngine engine({prefix, std::nullopt}, std::make_shared<const cuda::Device>(FakeGpu::api()), std::move(plans),
                      "fake");
  CHECK_THROWS_WITH_AS((void)engine.regressed(), doctest::Contains("before any observation"), EngineError);
  engine.prefix({{Observation().image}, {}, {}, Observation().state});
  CHECK(engine.regressed().size() == 8);
  CHECK(engine.regressed()[7] == -3.0F);
  CHECK_THROWS_WITH_AS(step(engine), doctest::Contains("no flow"), EngineError);
}

TEST_CASE("a step before any observation is refused") {
  FakeGpu gpu;
  Policy policy;
  const auto engine = policy.open();
  CHECK_THROWS_WITH_AS(step(*engine), doctest::Contains("call prefix first"), EngineError);
}

TEST_CASE("spans of a wrong size are refused with both sizes") {
  FakeGpu gpu;
  Policy policy;
  const auto engine = policy.open();
  Observation observation;
  PolicyInput input = observation.input();
  input.state = input.state.first(1);
  CHECK_THROWS_WITH_AS(engine->prefix(input), "the policy takes state float32[1,2], got 1 elements", EngineError);
  input = observation.input();
  input.images.clear();
  CHECK_THROWS_WITH_AS(engine->prefix(input), doctest::Contains("1 camera images, got 0"), EngineError);
  engine->prefix(observation.input());
  std::vector<float> velocity(7);
  CHECK_THROWS_WITH_AS(engine->step(kNoise, kTimes, velocity), doctest::Contains("room for 7"), EngineError);
}

TEST_CASE("a plan of other tensors than the manifest's is refused with both") {
  FakeGpu gpu;
  Policy policy;
  auto plans = policy.plans();
  policy.step.inputs[1].shape = {1, 5};
  policy.step.inputs[0].shape = {1, 5, 2};
  policy.step.outputs[0].shape = {1, 5, 2};
  CHECK_THROWS_WITH_AS(
      DeviceEngine({policy.prefix, policy.step}, std::make_shared<const cuda::Device>(FakeGpu::api()), std::move(plans),
                   "fake"),
      doctest::Contains("t float32[1,4], kv float32[1,2], state float32[1,2] where the manifest says x float32[1,5,2]"),
      EngineError);
}

TEST_CASE("whatever allocation fails, all memory is given back") {
  for (int refused = 1; refused <= 15; ++refused) {
    FakeGpu gpu;
    gpu.refuse_alloc = refused;
    Policy policy;
    CHECK_THROWS_WITH_AS(policy.open(), doctest::Contains("out of memory"), EngineError);
    CHECK(gpu.device_allocations == 0);
    CHECK(gpu.pinned_allocations == 0);
    CHECK(gpu.graphs == 0);
    CHECK(gpu.contexts == 0);
  }
}

TEST_CASE("an engine that ends leaves nothing on the GPU") {
  FakeGpu gpu;
  {
    Policy policy;
    const auto engine = policy.open();
    CHECK(gpu.graphs == 2);
  }
  CHECK(gpu.device_allocations + gpu.pinned_allocations + gpu.graphs + gpu.contexts == 0);
}

}  // namespace
}  // namespace retain
