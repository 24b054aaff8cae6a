#include "engine/tensorrt/device_engine.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "error.hpp"

namespace retain {
namespace {

constexpr std::string_view kX = "x";
constexpr std::string_view kT = "t";
constexpr std::string_view kChunk = "chunk";

std::vector<TensorSpec> sorted(std::vector<TensorSpec> specs) {
  std::ranges::sort(specs, {}, &TensorSpec::name);
  return specs;
}

std::string list(const std::vector<TensorSpec>& specs) {
  std::string text;
  for (const auto& spec : specs) text += (text.empty() ? "" : ", ") + to_string(spec);
  return text;
}

void check_signature(const GraphSpec& graph, const Plan& plan) {
  const auto same = [&graph](const auto& planned, const auto& specified, const char* what) {
    if (sorted(planned) == sorted(specified)) return;
    throw EngineError("the engine built from " + graph.file.filename().string() + " has the " + what + " " +
                      list(planned) + " where the manifest says " + list(specified) +
                      "; build the engines again: --trt");
  };
  same(plan.inputs(), graph.inputs, "inputs");
  same(plan.outputs(), graph.outputs, "outputs");
}

}  // namespace

DeviceEngine::DeviceEngine(const EngineSpec& spec, std::shared_ptr<const cuda::Device> device, Plans plans,
                           const std::string& description)
    : GraphEngine(spec), device_(std::move(device)), plans_(std::move(plans)) {
  check_signature(spec.prefix, *plans_.prefix);
  if (spec.step) check_signature(*spec.step, *plans_.step);
  device_->use();
  stream_ = std::make_shared<const cuda::Stream>(device_);
  prepare_prefix(spec.prefix);
  if (spec.step) prepare_step(*spec.step);
  const bool recorded = prefix_work_->recorded() && (!step_work_ || step_work_->recorded());
  describe_as(description + (recorded ? "" : ", launched kernel by kernel"));
  std::size_t largest = 0;
  for (const auto& output : spec.prefix.outputs) largest = std::max(largest, bytes_of(output));
  read_.resize(largest);
}

DeviceEngine::~DeviceEngine() {
  try {
    device_->use();  // it may end on another thread than it worked on
  } catch (const EngineError&) {
    return;  // the driver is gone; what follows frees nothing
  }
}

void DeviceEngine::run_prefix() {
  device_->use();
  prefix_work_->run();
}

void DeviceEngine::run_step() {
  device_->use();
  step_work_->run();
}

std::span<const std::byte> DeviceEngine::prefix_output(std::string_view name) const {
  const TensorSpec& spec = prefix_output_spec(name);
  const std::span<std::byte> bytes(read_.data(), bytes_of(spec));
  device_->use();
  stream_->download(bytes, at(spec.name).memory.address());
  stream_->wait();
  return bytes;
}

DeviceEngine::Buffer& DeviceEngine::buffer(const TensorSpec& spec) {
  const auto found = buffers_.find(spec.name);
  if (found != buffers_.end()) return found->second;
  return buffers_.try_emplace(spec.name, Buffer{spec, cuda::DeviceBuffer(device_, bytes_of(spec)), std::nullopt})
      .first->second;
}

DeviceEngine::Buffer& DeviceEngine::exchanged(const TensorSpec& spec) {
  Buffer& made = buffer(spec);
  if (!made.host) {
    made.host.emplace(device_, bytes_of(spec));
    std::ranges::fill(made.host->bytes(), std::byte{0});
    exchange(spec, made.host->bytes());  // pinned memory begins at a page
  }
  return made;
}

void DeviceEngine::prepare_prefix(const GraphSpec& graph) {
  std::vector<const Buffer*> up;
  std::vector<const Buffer*> down;
  for (const auto& input : graph.inputs) up.push_back(&exchanged(input));
  for (const auto& output : graph.outputs) {
    // A regressed chunk is wanted on the host; keys and values are not.
    Buffer& made = info().regresses && output.name == kChunk ? exchanged(output) : buffer(output);
    if (made.host) down.push_back(&made);
  }
  show_all_tokens();
  prefix_work_ = work(*plans_.prefix, std::move(up), std::move(down));
}

void DeviceEngine::prepare_step(const GraphSpec& graph) {
  // Same name, same memory: the step reads the keys and values where the prefix wrote them.
  for (const auto& input : graph.inputs) buffer(input);
  std::vector<const Buffer*> up;
  for (const auto& input : graph.inputs) {
    if (input.name == kX || input.name == kT) up.push_back(&exchanged(input));
  }
  std::vector<const Buffer*> down;
  for (const auto& output : graph.outputs) down.push_back(&exchanged(output));
  step_work_ = work(*plans_.step, std::move(up), std::move(down));
}

std::unique_ptr<cuda::RecordedWork> DeviceEngine::work(Plan& plan, std::vector<const Buffer*> up,
                                                       std::vector<const Buffer*> down) {
  for (const auto& spec : plan.inputs()) plan.bind(spec, at(spec.name).memory.address());
  for (const auto& spec : plan.outputs()) plan.bind(spec, at(spec.name).memory.address());
  const cuda::Stream& stream = *stream_;
  return std::make_unique<cuda::RecordedWork>(stream_, [&plan, &stream, up = std::move(up), down = std::move(down)] {
    for (const Buffer* one : up) stream.upload(one->memory.address(), one->host->bytes());
    plan.enqueue(stream.handle());
    for (const Buffer* one : down) stream.download(one->host->bytes(), one->memory.address());
  });
}

}  // namespace retain
