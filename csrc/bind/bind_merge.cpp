// retain._core.merge: the plan comes in as work items, the stream runs without the GIL.
#include "bind/bind_merge.hpp"

#include <pybind11/stl.h>

#include <exception>

#include "error.hpp"
#include "merge/dispatch.hpp"
#include "merge/stream.hpp"

namespace py = pybind11;

namespace retain::bind {
namespace {

using merge::DType;
using merge::ItemResult;
using merge::Operation;
using merge::Origin;
using merge::OutputFile;
using merge::Span;
using merge::StreamOptions;
using merge::WorkItem;

/// Reports progress and looks for Ctrl-C, from the thread that called run(). What Python raises is kept until the
/// threads are joined: an exception must not cross them.
class PythonProgress {
 public:
  explicit PythonProgress(py::object callback) : callback_(std::move(callback)) {}

  bool operator()(std::uint64_t bytes) {
    const py::gil_scoped_acquire acquire;
    try {
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
      if (!callback_.is_none()) callback_(bytes);
      return true;
    } catch (...) {
      raised_ = std::current_exception();
      return false;
    }
  }

  void rethrow() const {
    if (raised_) std::rethrow_exception(raised_);
  }

 private:
  py::object callback_;
  std::exception_ptr raised_;
};

std::vector<ItemResult> run(const std::vector<std::string>& inputs, const std::vector<OutputFile>& outputs,
                            const std::vector<WorkItem>& items, std::size_t threads, bool sync, const std::string& isa,
                            py::object progress) {
  PythonProgress watcher(std::move(progress));
  std::optional<std::vector<ItemResult>> results;
  {
    const py::gil_scoped_release release;
    results = merge::run_stream(inputs, outputs, items, {threads, sync, isa},
                                [&watcher](std::uint64_t bytes) { return watcher(bytes); });
  }
  watcher.rethrow();
  if (!results) throw MergeError("the merge was stopped");
  return *std::move(results);
}

}  // namespace

void bind_merge(py::module_& core) {
  py::module_ m = core.def_submodule("merge", "Streaming arithmetic over checkpoint files");

  py::enum_<Operation>(m, "Operation")
      .value("COPY", Operation::kCopy)
      .value("CONVERT", Operation::kConvert)
      .value("LINEAR", Operation::kLinear);
  py::enum_<DType>(m, "DType")
      .value("BF16", DType::kBf16)
      .value("F16", DType::kF16)
      .value("F32", DType::kF32)
      .value("F64", DType::kF64)
      .value("OPAQUE", DType::kOpaque);
  py::enum_<Origin>(m, "Origin")
      .value("BASE", Origin::kBase)
      .value("FINETUNED", Origin::kFinetuned)
      .value("MERGED", Origin::kMerged);

  py::class_<Span>(m, "Span").def(py::init([](std::size_t file, std::uint64_t offset) { return Span{file, offset}; }),
                                  py::arg("file"), py::arg("offset"));
  py::class_<WorkItem>(m, "WorkItem")
      .def(py::init([](Operation operation, DType stored_in, DType stored_out, std::uint64_t elements, double alpha,
                       Span base, Span finetuned, Span output) {
             return WorkItem{operation, stored_in, stored_out, elements, alpha, base, finetuned, output};
           }),
           py::kw_only(), py::arg("operation"), py::arg("stored_in"), py::arg("stored_out"), py::arg("elements"),
           py::arg("alpha"), py::arg("base"), py::arg("finetuned"), py::arg("output"));
  py::class_<OutputFile>(m, "OutputFile")
      .def(py::init([](std::string path, std::uint64_t bytes, const py::bytes& header) {
             return OutputFile{std::move(path), bytes, std::string(header)};
           }),
           py::arg("path"), py::arg("size"), py::arg("header"));
  py::class_<ItemResult>(m, "ItemResult")
      .def_property_readonly("base_base", [](const ItemResult& r) { return r.sums.base_base; })
      .def_property_readonly("base_update", [](const ItemResult& r) { return r.sums.base_update; })
      .def_property_readonly("update_update", [](const ItemResult& r) { return r.sums.update_update; })
      .def_property_readonly("merged_update", [](const ItemResult& r) { return r.sums.merged_update; })
      .def_property_readonly("changed", [](const ItemResult& r) { return r.sums.changed; })
      .def_property_readonly("lost", [](const ItemResult& r) { return r.sums.lost; })
      .def_property_readonly("not_finite", [](const ItemResult& r) { return r.sums.not_finite; })
      .def_property_readonly("first_not_finite",
                             [](const ItemResult& r) -> std::optional<std::pair<std::uint64_t, Origin>> {
                               if (!r.first_not_finite) return std::nullopt;
                               return std::pair{r.first_not_finite->element, r.first_not_finite->origin};
                             });

  m.def("available_isas", [] {
    std::vector<std::string> names;
    for (const merge::KernelTable* kernels : merge::available_kernels()) names.emplace_back(kernels->isa);
    return names;
  });
  m.def("run", &run, py::kw_only(), py::arg("inputs"), py::arg("outputs"), py::arg("items"), py::arg("threads"),
        py::arg("sync") = true, py::arg("isa") = "", py::arg("progress") = py::none());
}

}  // namespace retain::bind
