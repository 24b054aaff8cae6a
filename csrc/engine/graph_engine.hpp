// What engines of a prefix and a step have in common: who may call what when, which tensor is what, and sizes.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.hpp"

namespace retain {

/// An engine whose graphs read and write host memory that never moves. Derived classes own that memory, name it by
/// `exchange` in their constructor, and run the graphs.
class GraphEngine : public Engine {
 public:
  [[nodiscard]] const EngineInfo& info() const noexcept final { return info_; }
  void prefix(const PolicyInput& input) final;
  void step(std::span<const float> x, std::span<const float> t, std::span<float> velocity) final;
  [[nodiscard]] std::span<const float> regressed() const final;

  /// What the last prefix computed, for checks against golden outputs; valid until the next call.
  /// @throw EngineError if the prefix has no such output.
  [[nodiscard]] virtual std::span<const std::byte> prefix_output(std::string_view name) const = 0;

  /// The specification of that output.
  /// @throw EngineError if the prefix has no such output.
  [[nodiscard]] const TensorSpec& prefix_output_spec(std::string_view name) const;

 protected:
  /// @throw EngineError if the graphs do not fit each other
  explicit GraphEngine(const EngineSpec& spec);

  /// Where an input is put before a run, or an output lies after it: zeroed, aligned for any scalar type.
  void exchange(const TensorSpec& spec, std::span<std::byte> memory);

  /// Every token counts as present: an all-masked attention row is NaN, and NaN arithmetic is not the speed to warm up
  /// for.
  void show_all_tokens();

  void describe_as(std::string description) { info_.description = std::move(description); }

  virtual void run_prefix() = 0;
  virtual void run_step() = 0;

 private:
  struct HostTensor {
    TensorSpec spec;
    std::span<std::byte> bytes;
  };

  [[nodiscard]] const HostTensor& at(std::string_view name) const { return exchanged_.find(name)->second; }
  void write(std::string_view name, std::span<const std::byte> bytes);

  EngineInfo info_;
  std::vector<TensorSpec> prefix_outputs_;
  std::vector<std::string> image_inputs_;  // in EngineInfo::images' order
  std::map<std::string, HostTensor, std::less<>> exchanged_;
  bool has_prefix_ = false;
};

}  // namespace retain
