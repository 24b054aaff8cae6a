#include <doctest.h>

#include "engine/engine.hpp"
#include "error.hpp"
#include "tiny_graphs.hpp"

namespace retain {

using testing::TinyPolicy;

TEST_CASE("sizes are read off the graphs") {
  const TinyPolicy policy;
  const auto info = describe(policy.spec());
  CHECK(info.images == std::vector<ImageSpec>{{"front", 2, 2}});
  CHECK(info.max_tokens == 3);
  CHECK(info.state_dim == 2);
  CHECK(info.horizon == 4);
  CHECK(info.action_dim == 2);
}

TEST_CASE("without a step the chunk is an output of the prefix") {
  const TinyPolicy policy;
  auto spec = policy.spec();
  spec.step.reset();
  CHECK_THROWS_WITH_AS(describe(spec), doctest::Contains("no tensor 'chunk'"), EngineError);
  spec.prefix.outputs.push_back({"chunk", ElementType::kFloat32, {1, 5, 7}});
  const auto info = describe(spec);
  CHECK(info.regresses);
  CHECK(info.horizon == 5);
  CHECK(info.action_dim == 7);
}

TEST_CASE("a policy without language reads no tokens") {
  const TinyPolicy policy;
  auto spec = policy.spec();
  spec.prefix.inputs.erase(spec.prefix.inputs.begin() + 1, spec.prefix.inputs.begin() + 3);
  CHECK(describe(spec).max_tokens == 0);
}

TEST_CASE("two cameras keep the graph's order") {
  const TinyPolicy policy;
  auto spec = policy.spec();
  spec.prefix.inputs.push_back({"image.wrist", ElementType::kUInt8, {1, 8, 6, 3}});
  const auto info = describe(spec);
  REQUIRE(info.images.size() == 2);
  CHECK(info.images[1] == ImageSpec{"wrist", 8, 6});
}

TEST_CASE("a graph that is not a prefix or a step is refused by name") {
  const TinyPolicy policy;
  auto spec = policy.spec();
  SUBCASE("an input is missing") {
    spec.prefix.inputs.pop_back();
    CHECK_THROWS_WITH_AS(describe(spec), doctest::Contains("'state'"), EngineError);
  }
  SUBCASE("tokens without a mask") {
    spec.prefix.inputs.erase(spec.prefix.inputs.begin() + 2);
    CHECK_THROWS_WITH_AS(describe(spec), doctest::Contains("'token_mask'"), EngineError);
  }
  SUBCASE("an image is not RGB") {
    spec.prefix.inputs[0].shape.back() = 4;
    CHECK_THROWS_WITH_AS(describe(spec), doctest::Contains("image.front uint8[1,2,2,4]"), EngineError);
  }
  SUBCASE("the flow time is not per row") {
    spec.step->inputs[1].shape = {1, 1};
    CHECK_THROWS_WITH_AS(describe(spec), doctest::Contains("t float32[1,1]"), EngineError);
  }
  SUBCASE("the step wants a cache that the prefix does not make") {
    spec.step->inputs[2].name = "cache";
    CHECK_THROWS_WITH_AS(describe(spec), doctest::Contains("cache float32[1,2]"), EngineError);
  }
  SUBCASE("the cache has another shape in the step") {
    spec.step->inputs[2].shape = {1, 3};
    CHECK_THROWS_WITH_AS(describe(spec), doctest::Contains("kv float32[1,2]"), EngineError);
  }
}

TEST_CASE("element types have one name each, both ways") {
  for (const auto type : {ElementType::kFloat32, ElementType::kInt64, ElementType::kUInt8, ElementType::kBool}) {
    CHECK(element_type(name_of(type)) == type);
  }
  CHECK_THROWS_WITH_AS(element_type("float16"), doctest::Contains("float16"), EngineError);
}

}  // namespace retain
