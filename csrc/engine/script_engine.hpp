// An engine without a policy: it plays rows that a person wrote. For a new arm's first motion, and for tests.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/engine.hpp"

namespace retain {

class ScriptEngine final : public Engine {
 public:
  /// Writes one chunk.
  /// @param state [state_dim] normalized, as measured at the observation
  /// @param chunk [horizon · action_dim] normalized, row-major, zeros at first
  using Script = std::function<void(std::span<const float> state, std::span<float> chunk)>;

  /// @param images frames that it waits for as a policy would, and does not look at; may be empty
  /// @throw EngineError if the chunk or the state has no room
  ScriptEngine(std::vector<ImageSpec> images, std::size_t state_dim, std::size_t horizon, std::size_t action_dim,
               Script script);

  [[nodiscard]] const EngineInfo& info() const noexcept override { return info_; }
  void prefix(const PolicyInput& input) override;

  /// The velocity (chunk − x)/(1 − t): Euler's method lands on the chunk exactly, whatever the noise and the number of
  /// steps.
  void step(std::span<const float> x, std::span<const float> t, std::span<float> velocity) override;

 private:
  EngineInfo info_;
  Script script_;
  std::vector<float> chunk_;
};

}  // namespace retain
