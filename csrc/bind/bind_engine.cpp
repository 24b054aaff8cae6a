// retain._core.engine: the engines, for checks and evaluation in Python and as the handle that the control loop takes.
#include "bind/bind_engine.hpp"

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <memory>

#include "bind/guarded_engine.hpp"
#include "engine/onnxruntime_engine.hpp"
#include "engine/tensorrt/open_tensorrt.hpp"
#include "error.hpp"

namespace py = pybind11;

namespace retain::bind {
namespace {

using GuardedOnnxRuntime = Guarded<OnnxRuntimeEngine>;
using GuardedTensorRt = Guarded<DeviceEngine>;

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

std::unique_ptr<GuardedOnnxRuntime> open_onnxruntime(const GraphSpec& prefix, const std::optional<GraphSpec>& step,
                                                     const std::filesystem::path& library, int threads,
                                                     const std::string& provider,
                                                     const std::map<std::string, std::string>& provider_options,
                                                     bool optimize) {
  const OnnxRuntimeOptions options{threads, provider, {provider_options.begin(), provider_options.end()}, optimize};
  const py::gil_scoped_release released;
  return std::make_unique<GuardedOnnxRuntime>(EngineSpec{prefix, step}, library, options);
}

std::unique_ptr<GuardedTensorRt> open_tensorrt(const GraphSpec& prefix, const std::optional<GraphSpec>& step,
                                               const PlanMachine& built_for, const std::filesystem::path& module,
                                               const std::optional<std::filesystem::path>& library) {
  const py::gil_scoped_release released;
  const EngineSpec spec{prefix, step};
  OpenedPlans opened = open_plans(spec, built_for, {.module = module, .library = library.value_or("")});
  return std::make_unique<GuardedTensorRt>(spec, std::move(opened.device), std::move(opened.plans), opened.description);
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

  py::class_<GuardedOnnxRuntime, Engine, std::shared_ptr<GuardedOnnxRuntime>> onnxruntime(
      m, "OnnxRuntimeEngine", "A policy in ONNX Runtime. Calls release the GIL and wait for each other.");
  onnxruntime.def(py::init(&open_onnxruntime), py::arg("prefix"), py::arg("step"), py::kw_only(), py::arg("library"),
                  py::arg("threads") = 1, py::arg("provider") = "cpu",
                  py::arg("provider_options") = std::map<std::string, std::string>{}, py::arg("optimize") = true);
  define_calls(onnxruntime);

  py::class_<PlanMachine>(m, "PlanMachine", "What TensorRT's plans were built for, and the command that builds others.")
      .def(py::init([](std::string gpu, std::string compute_capability, std::string version, std::string precision,
                       std::string rebuild) {
             return PlanMachine{std::move(gpu), std::move(compute_capability), std::move(version), std::move(precision),
                                std::move(rebuild)};
           }),
           py::kw_only(), py::arg("gpu"), py::arg("compute_capability"), py::arg("version"), py::arg("precision"),
           py::arg("rebuild"));

  m.def(
      "tensorrt_version",
      [](const std::filesystem::path& module, const std::optional<std::filesystem::path>& library) {
        return tensorrt_version(module, library.value_or(""));
      },
      py::kw_only(), py::arg("module"), py::arg("library") = std::nullopt,
      "The release of the TensorRT that plans would be opened with, as in \"10.3.0\".");

  py::class_<GuardedTensorRt, Engine, std::shared_ptr<GuardedTensorRt>> tensorrt(
      m, "TensorRtEngine", "A policy's TensorRT plans. Calls release the GIL and wait for each other.");
  tensorrt.def(py::init(&open_tensorrt), py::arg("prefix"), py::arg("step"), py::kw_only(), py::arg("built_for"),
               py::arg("module"), py::arg("library") = std::nullopt);
  define_calls(tensorrt);
}

}  // namespace retain::bind
