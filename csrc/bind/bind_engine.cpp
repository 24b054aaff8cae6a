// retain._core.engine: the engines, for checks and evaluation in Python and as the handle that the control loop takes.
#include "bind/bind_engine.hpp"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>

#include "engine/onnxruntime_engine.hpp"
#include "error.hpp"

namespace py = pybind11;

namespace retain::bind {
namespace {

template <class T>
using Array = py::array_t<T, py::array::c_style>;

template <class T>
std::span<const T> span_of(const Array<T>& array) {
  return {array.data(), static_cast<std::size_t>(array.size())};
}

// An engine belongs to one thread; Python may have several, and the GIL is released while it computes.
class GuardedEngine final : public OnnxRuntimeEngine {
 public:
  using OnnxRuntimeEngine::OnnxRuntimeEngine;
  std::mutex in_use;
};

GraphSpec graph_spec(const std::filesystem::path& file, const std::vector<py::tuple>& inputs,
                     const std::vector<py::tuple>& outputs) {
  const auto specs = [](const std::vector<py::tuple>& tensors) {
    std::vector<TensorSpec> made;
    for (const auto& tensor : tensors) {
      made.push_back({tensor[0].cast<std::string>(), element_type(tensor[1].cast<std::string>()),
                      tensor[2].cast<std::vector<std::int64_t>>()});
    }
    return made;
  };
  return {file, specs(inputs), specs(outputs)};
}

std::unique_ptr<GuardedEngine> open_onnxruntime(const GraphSpec& prefix, const std::optional<GraphSpec>& step,
                                                const std::filesystem::path& library, int threads,
                                                const std::string& provider,
                                                const std::map<std::string, std::string>& provider_options,
                                                bool optimize) {
  const OnnxRuntimeOptions options{threads, provider, {provider_options.begin(), provider_options.end()}, optimize};
  const py::gil_scoped_release released;
  return std::make_unique<GuardedEngine>(EngineSpec{prefix, step}, library, options);
}

void run_prefix(GuardedEngine& engine, const std::vector<Array<std::uint8_t>>& images,
                const Array<std::int64_t>& tokens, const Array<bool>& token_mask, const Array<float>& state) {
  static_assert(sizeof(bool) == 1);
  PolicyInput input;
  for (const auto& image : images) input.images.push_back(span_of(image));
  input.tokens = span_of(tokens);
  input.token_mask = {reinterpret_cast<const std::uint8_t*>(token_mask.data()),
                      static_cast<std::size_t>(token_mask.size())};
  input.state = span_of(state);
  const py::gil_scoped_release released;
  const std::lock_guard lock(engine.in_use);
  engine.prefix(input);
}

Array<float> run_step(GuardedEngine& engine, const Array<float>& x, const Array<float>& t) {
  const auto& info = engine.info();
  Array<float> velocity(
      {py::ssize_t{1}, static_cast<py::ssize_t>(info.horizon), static_cast<py::ssize_t>(info.action_dim)});
  const std::span<float> out(velocity.mutable_data(), static_cast<std::size_t>(velocity.size()));
  const auto in = span_of(x);
  const auto times = span_of(t);
  const py::gil_scoped_release released;
  const std::lock_guard lock(engine.in_use);
  engine.step(in, times, out);
  return velocity;
}

Array<float> regressed(GuardedEngine& engine) {
  const auto& info = engine.info();
  Array<float> chunk(
      {py::ssize_t{1}, static_cast<py::ssize_t>(info.horizon), static_cast<py::ssize_t>(info.action_dim)});
  const std::span<float> out(chunk.mutable_data(), static_cast<std::size_t>(chunk.size()));
  const py::gil_scoped_release released;
  const std::lock_guard lock(engine.in_use);
  std::ranges::copy(engine.regressed(), out.begin());
  return chunk;
}

py::array prefix_output(GuardedEngine& engine, const std::string& name) {
  const auto& spec = engine.prefix_output_spec(name);
  py::array copy(py::dtype(std::string(name_of(spec.type))), spec.shape);
  void* target = copy.mutable_data();
  {
    const py::gil_scoped_release released;
    const std::lock_guard lock(engine.in_use);
    const auto bytes = engine.prefix_output(name);
    std::memcpy(target, bytes.data(), bytes.size());
  }
  return copy;
}

}  // namespace

void bind_engine(py::module_& parent) {
  auto m = parent.def_submodule("engine", "Policies computed in C++; retain.engine opens them.");

  py::class_<GraphSpec>(m, "Graph", "One exported graph: its file, and (name, dtype, shape) of its inputs and outputs.")
      .def(py::init(&graph_spec), py::arg("file"), py::arg("inputs"), py::arg("outputs"));

  py::class_<ImageSpec>(m, "ImageSpec", "One camera frame: uint8, height x width x 3, RGB.")
      .def_readonly("role", &ImageSpec::role)
      .def_readonly("height", &ImageSpec::height)
      .def_readonly("width", &ImageSpec::width);

  py::class_<EngineInfo>(m, "EngineInfo", "What a caller needs to know to feed an engine.")
      .def_readonly("description", &EngineInfo::description)
      .def_readonly("images", &EngineInfo::images)
      .def_readonly("max_tokens", &EngineInfo::max_tokens)
      .def_readonly("state_dim", &EngineInfo::state_dim)
      .def_readonly("horizon", &EngineInfo::horizon)
      .def_readonly("action_dim", &EngineInfo::action_dim)
      .def_readonly("regresses", &EngineInfo::regresses);

  py::class_<Engine, std::shared_ptr<Engine>>(m, "Engine", "The interface that the control loop knows.")
      .def_property_readonly("info", &Engine::info);

  py::class_<GuardedEngine, Engine, std::shared_ptr<GuardedEngine>>(
      m, "OnnxRuntimeEngine", "A policy in ONNX Runtime. Calls release the GIL and wait for each other.")
      .def(py::init(&open_onnxruntime), py::arg("prefix"), py::arg("step"), py::kw_only(), py::arg("library"),
           py::arg("threads") = 1, py::arg("provider") = "cpu",
           py::arg("provider_options") = std::map<std::string, std::string>{}, py::arg("optimize") = true)
      .def("prefix", &run_prefix, py::arg("images"), py::arg("tokens"), py::arg("token_mask"), py::arg("state"),
           "Encode one observation: images uint8[H,W,3] in info.images' order, ids, mask, normalized state.")
      .def("step", &run_step, py::arg("x"), py::arg("t"),
           "The velocity float32[1,H,W] at x float32[1,H,W] and flow time t float32[1,H] given the last prefix.")
      .def("regressed", &regressed, "The chunk float32[1,H,W] of the last prefix, where info.regresses.")
      .def("prefix_output", &prefix_output, py::arg("name"), "A copy of what the last prefix computed.");
}

}  // namespace retain::bind
