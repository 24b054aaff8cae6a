// A policy small enough to be computed by hand, as two ONNX files whose weight lies in a file of its own:
//   kv = state * state + weight,   velocity = x * t + kv
#pragma once

#include <filesystem>

#include "engine/engine.hpp"

namespace retain::testing {

inline constexpr std::int64_t kHorizon = 4;
inline constexpr std::int64_t kChannels = 2;
inline constexpr std::int64_t kTokens = 3;
inline constexpr std::int64_t kImage = 2;

/// A directory of its own, removed at the end.
class TinyPolicy {
 public:
  TinyPolicy();
  TinyPolicy(const TinyPolicy&) = delete;
  TinyPolicy& operator=(const TinyPolicy&) = delete;
  ~TinyPolicy();

  /// Replaces the weight, and nothing else.
  void write_weight(float first, float second) const;

  [[nodiscard]] const EngineSpec& spec() const noexcept { return spec_; }
  [[nodiscard]] const std::filesystem::path& directory() const noexcept { return directory_; }

 private:
  std::filesystem::path directory_;
  EngineSpec spec_;
};

}  // namespace retain::testing
