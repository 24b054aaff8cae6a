#include "engine/engine.hpp"

#include <algorithm>

#include "error.hpp"

namespace retain {
namespace {

constexpr std::string_view kImagePrefix = "image.";
constexpr std::int64_t kColorChannels = 3;

const TensorSpec* find(const std::vector<TensorSpec>& specs, std::string_view name) {
  const auto found = std::ranges::find(specs, name, &TensorSpec::name);
  return found == specs.end() ? nullptr : &*found;
}

// Finds a tensor and checks its type and shape; -1 in `shape` stands for any extent.
const TensorSpec& need(const std::vector<TensorSpec>& specs, const TensorSpec& expected, std::string_view where) {
  const TensorSpec* found = find(specs, expected.name);
  if (found == nullptr) {
    throw EngineError("the " + std::string(where) + " graph has no tensor '" + expected.name +
                      "'; export the bundle again");
  }
  const bool fits = found->type == expected.type &&
                    std::ranges::equal(found->shape, expected.shape,
                                       [](auto have, auto want) { return have > 0 && (want < 0 || have == want); });
  if (!fits) {
    throw EngineError("the " + std::string(where) + " graph has " + to_string(*found) + " where " +
                      to_string(expected) + " is expected (-1: any extent); export the bundle again");
  }
  return *found;
}

std::size_t extent(const TensorSpec& spec, std::size_t axis) { return static_cast<std::size_t>(spec.shape.at(axis)); }

// The rows that the policy speaks in: x of the step, or the regressed chunk.
const TensorSpec& rows_of(const EngineSpec& spec) {
  if (!spec.step) return need(spec.prefix.outputs, {"chunk", ElementType::kFloat32, {1, -1, -1}}, "prefix");
  const auto& x = need(spec.step->inputs, {"x", ElementType::kFloat32, {1, -1, -1}}, "step");
  need(spec.step->inputs, {"t", ElementType::kFloat32, {1, x.shape[1]}}, "step");
  need(spec.step->outputs, {"velocity", ElementType::kFloat32, x.shape}, "step");
  return x;
}

void check_handed_over(const GraphSpec& prefix, const GraphSpec& step) {
  for (const auto& input : step.inputs) {
    if (input.name == "x" || input.name == "t") continue;
    const auto* source = find(prefix.outputs, input.name);
    if (source == nullptr) source = find(prefix.inputs, input.name);
    if (source == nullptr || *source != input) {
      throw EngineError(
          "the step graph takes " + to_string(input) + ", which the prefix graph neither makes nor takes" +
          (source == nullptr ? "" : " in that form (" + to_string(*source) + ")") + "; export the bundle again");
    }
  }
}

}  // namespace

std::span<const float> Engine::regressed() const {
  throw EngineError("this policy draws its chunk by a flow; it regresses none");
}

std::string image_input(std::string_view role) { return std::string(kImagePrefix) + std::string(role); }

EngineInfo describe(const EngineSpec& spec) {
  EngineInfo info;
  for (const auto& input : spec.prefix.inputs) {
    if (!input.name.starts_with(kImagePrefix)) continue;
    need(spec.prefix.inputs, {input.name, ElementType::kUInt8, {1, -1, -1, kColorChannels}}, "prefix");
    info.images.push_back({input.name.substr(kImagePrefix.size()), extent(input, 1), extent(input, 2)});
  }
  if (find(spec.prefix.inputs, "tokens") != nullptr) {
    const auto& tokens = need(spec.prefix.inputs, {"tokens", ElementType::kInt64, {1, -1}}, "prefix");
    need(spec.prefix.inputs, {"token_mask", ElementType::kBool, tokens.shape}, "prefix");
    info.max_tokens = extent(tokens, 1);
  }
  const auto& state = need(spec.prefix.inputs, {"state", ElementType::kFloat32, {1, -1}}, "prefix");
  const auto& rows = rows_of(spec);
  if (spec.step) check_handed_over(spec.prefix, *spec.step);
  info.state_dim = extent(state, 1);
  info.horizon = extent(rows, 1);
  info.action_dim = extent(rows, 2);
  info.regresses = !spec.step;
  return info;
}

}  // namespace retain
