// Small plans over memory: what most tests of the stream need.
#pragma once

#include <string>
#include <vector>

#include "merge/stream.hpp"
#include "values.hpp"

namespace retain::test {

/// Ends in memory as a plan's inputs, and one buffer per target as its outputs.
struct MemoryRun {
  std::vector<Bytes> targets;
  merge::ItemResult result;
};

inline std::vector<merge::Input> memory_inputs(const std::vector<Bytes>& ends) {
  std::vector<merge::Input> inputs;
  for (const Bytes& end : ends) inputs.push_back(merge::Input::memory(end));
  return inputs;
}

/// A finetuned end that is all of input `file`.
inline merge::Source source(DType dtype, std::size_t file, double coefficient = 1.0, float threshold = 0.0F) {
  return {dtype, merge::Span{file, 0}, std::nullopt, coefficient, threshold};
}

inline merge::StreamOptions options(std::size_t threads, std::string isa = "") {
  merge::StreamOptions found;
  found.threads = threads;
  found.sync = false;
  found.isa = std::move(isa);
  return found;
}

/// Carries one item out; its targets' spans are replaced by buffers of their own.
inline MemoryRun run_in_memory(merge::WorkItem item, const std::vector<Bytes>& ends, std::size_t threads = 1,
                               const std::string& isa = "") {
  MemoryRun run;
  std::vector<merge::Output> outputs;
  for (merge::Target& target : item.targets) {
    target.output = {run.targets.size(), 0};
    run.targets.emplace_back(item.elements * merge::size_of(target.stored));
  }
  for (Bytes& target : run.targets) outputs.push_back(merge::Output::memory(target));
  run.result =
      merge::run_stream(memory_inputs(ends), outputs, {std::move(item)}, options(threads, isa), nullptr)->at(0);
  return run;
}

}  // namespace retain::test
