// retain._core.merge: the plan comes in as work items, the stream runs without the GIL.
#include "bind/bind_merge.hpp"

#include <pybind11/stl.h>

#include <exception>

#include "bind/sha256_digests.hpp"
#include "error.hpp"
#include "merge/dispatch.hpp"
#include "merge/select.hpp"
#include "merge/stream.hpp"

namespace py = pybind11;

namespace retain::bind {
namespace {

using merge::DType;
using merge::Input;
using merge::ItemResult;
using merge::LowRank;
using merge::Origin;
using merge::Output;
using merge::Rounding;
using merge::Source;
using merge::SourceSums;
using merge::Span;
using merge::StreamOptions;
using merge::Take;
using merge::Target;
using merge::TargetSums;
using merge::Thinning;
using merge::WorkItem;

struct RunResult {
  std::vector<ItemResult> items;
  std::vector<std::optional<std::string>> input_sha256;
  std::vector<std::optional<std::string>> output_sha256;
};

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

RunResult run(const std::vector<Input>& inputs, const std::vector<Output>& outputs, const std::vector<WorkItem>& items,
              std::size_t threads, bool sync, bool hashing, bool drop_cache, const std::string& isa,
              py::object progress) {
  PythonProgress watcher(std::move(progress));
  std::optional<Sha256Digests> digests;
  if (hashing) digests.emplace(inputs.size() + outputs.size());
  std::optional<std::vector<ItemResult>> results;
  {
    const py::gil_scoped_release release;
    const StreamOptions options{threads, sync, isa, digests ? &*digests : nullptr, drop_cache};
    results =
        merge::run_stream(inputs, outputs, items, options, [&watcher](std::uint64_t bytes) { return watcher(bytes); });
  }
  watcher.rethrow();
  if (!results) throw MergeError("the merge was stopped");
  RunResult result;
  result.items = *std::move(results);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const bool hashed = hashing && !inputs[i].in_memory;
    result.input_sha256.push_back(hashed ? std::optional(digests->hex(i)) : std::nullopt);
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const bool hashed = hashing && outputs[i].kind == merge::OutputKind::kCreate;
    result.output_sha256.push_back(hashed ? std::optional(digests->hex(inputs.size() + i)) : std::nullopt);
  }
  return result;
}

std::vector<std::vector<float>> select_thresholds(const std::vector<Input>& inputs, const std::vector<WorkItem>& items,
                                                  const std::vector<std::uint64_t>& keep, std::size_t threads,
                                                  const std::string& isa, py::object progress) {
  PythonProgress watcher(std::move(progress));
  std::optional<std::vector<std::vector<float>>> thresholds;
  {
    const py::gil_scoped_release release;
    thresholds = merge::select_thresholds(inputs, items, keep, {threads, isa},
                                          [&watcher](std::uint64_t bytes) { return watcher(bytes); });
  }
  watcher.rethrow();
  if (!thresholds) throw MergeError("the merge was stopped");
  return *std::move(thresholds);
}

void bind_enums(py::module_& m) {
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
  py::enum_<Rounding>(m, "Rounding").value("NEAREST", Rounding::kNearest).value("STOCHASTIC", Rounding::kStochastic);
  py::enum_<Thinning>(m, "Thinning")
      .value("NONE", Thinning::kNone)
      .value("MAGNITUDE", Thinning::kMagnitude)
      .value("RANDOM", Thinning::kRandom)
      .value("RANKED", Thinning::kRanked);
  py::enum_<Take>(m, "Take")
      .value("NOTHING", Take::kNothing)
      .value("BASE", Take::kBase)
      .value("FINETUNED", Take::kFinetuned);
}

void bind_files(py::module_& m) {
  py::class_<Span>(m, "Span").def(py::init([](std::size_t file, std::uint64_t offset) { return Span{file, offset}; }),
                                  py::arg("file"), py::arg("offset"));
  py::class_<Input>(m, "Input")
      .def_static("file", &Input::file, py::arg("path"))
      .def_static(
          "memory",
          [](const py::bytes& data) {
            const std::string_view bytes = data;
            return Input::memory(std::as_bytes(std::span(bytes)));
          },
          py::arg("data"), py::keep_alive<0, 1>());
  py::class_<Output>(m, "Output")
      .def_static(
          "create",
          [](std::string path, std::uint64_t size, const py::bytes& header) {
            return Output::create(std::move(path), size, std::string(header));
          },
          py::arg("path"), py::arg("size"), py::arg("header"))
      .def_static("compare", &Output::compare, py::arg("path"))
      .def_static(
          "memory",
          [](std::uintptr_t address, std::size_t size) {
            return Output::memory({reinterpret_cast<std::byte*>(address), size});
          },
          py::arg("address"), py::arg("size"));
}

void bind_items(py::module_& m) {
  py::class_<LowRank>(m, "LowRank")
      .def(py::init([](Span a, Span b, DType stored, std::uint64_t rank, std::uint64_t columns, double scale) {
             return LowRank{a, b, stored, rank, columns, scale};
           }),
           py::kw_only(), py::arg("a"), py::arg("b"), py::arg("stored"), py::arg("rank"), py::arg("columns"),
           py::arg("scale"));
  py::class_<Source>(m, "Source")
      .def(py::init([](DType stored, std::optional<Span> span, std::optional<LowRank> low_rank, double coefficient,
                       float threshold) { return Source{stored, span, low_rank, coefficient, threshold}; }),
           py::kw_only(), py::arg("stored"), py::arg("span") = py::none(), py::arg("low_rank") = py::none(),
           py::arg("coefficient") = 1.0, py::arg("threshold") = 0.0F);
  py::class_<Target>(m, "Target")
      .def(py::init([](Span output, DType stored, double scale, double base_scale, Take take) {
             return Target{output, stored, scale, base_scale, take};
           }),
           py::kw_only(), py::arg("output"), py::arg("stored"), py::arg("scale") = 0.0, py::arg("base_scale") = 0.0,
           py::arg("take") = Take::kNothing);
  py::class_<WorkItem>(m, "WorkItem")
      .def(py::init([](std::uint64_t elements, DType stored, Span base, std::vector<Source> sources,
                       std::vector<Target> targets, Thinning thinning, double density, double spread,
                       std::uint64_t row_length, bool elect_sign, Rounding rounding, std::uint64_t key) {
             return WorkItem{elements, stored, base,       std::move(sources), std::move(targets), thinning,
                             density,  spread, row_length, elect_sign,         rounding,           key};
           }),
           py::kw_only(), py::arg("elements"), py::arg("stored"), py::arg("base"), py::arg("sources") = py::tuple(),
           py::arg("targets") = py::tuple(), py::arg("thinning") = Thinning::kNone, py::arg("density") = 1.0,
           py::arg("spread") = 0.0, py::arg("row_length") = 0, py::arg("elect_sign") = false,
           py::arg("rounding") = Rounding::kNearest, py::arg("key") = 0);
}

void bind_results(py::module_& m) {
  py::class_<SourceSums>(m, "SourceSums")
      .def_readonly("base_update", &SourceSums::base_update)
      .def_readonly("update_update", &SourceSums::update_update)
      .def_readonly("changed", &SourceSums::changed);
  py::class_<TargetSums>(m, "TargetSums")
      .def_readonly("exact_exact", &TargetSums::exact_exact)
      .def_readonly("stored_exact", &TargetSums::stored_exact)
      .def_readonly("lost", &TargetSums::lost)
      .def_readonly("different", &TargetSums::different);
  py::class_<ItemResult>(m, "ItemResult")
      .def_readonly("base_base", &ItemResult::base_base)
      .def_readonly("sources", &ItemResult::sources)
      .def_readonly("gram", &ItemResult::gram)
      .def_readonly("unchanged", &ItemResult::unchanged)
      .def_readonly("targets", &ItemResult::targets)
      .def_readonly("not_finite", &ItemResult::not_finite)
      .def_property_readonly(
          "first_not_finite", [](const ItemResult& r) -> std::optional<std::tuple<std::uint64_t, Origin, std::size_t>> {
            if (!r.first_not_finite) return std::nullopt;
            return std::tuple{r.first_not_finite->element, r.first_not_finite->origin, r.first_not_finite->index};
          });
  py::class_<RunResult>(m, "RunResult")
      .def_readonly("items", &RunResult::items)
      .def_readonly("input_sha256", &RunResult::input_sha256)
      .def_readonly("output_sha256", &RunResult::output_sha256);
}

}  // namespace

void bind_merge(py::module_& core) {
  py::module_ m = core.def_submodule("merge", "Streaming arithmetic over checkpoint files");
  bind_enums(m);
  bind_files(m);
  bind_items(m);
  bind_results(m);
  m.def("available_isas", [] {
    std::vector<std::string> names;
    for (const merge::KernelTable* kernels : merge::available_kernels()) names.emplace_back(kernels->isa);
    return names;
  });
  m.def("run", &run, py::kw_only(), py::arg("inputs"), py::arg("outputs"), py::arg("items"), py::arg("threads"),
        py::arg("sync") = true, py::arg("hashing") = false, py::arg("drop_cache") = false, py::arg("isa") = "",
        py::arg("progress") = py::none());
  m.def("select_thresholds", &select_thresholds, py::kw_only(), py::arg("inputs"), py::arg("items"), py::arg("keep"),
        py::arg("threads"), py::arg("isa") = "", py::arg("progress") = py::none());
}

}  // namespace retain::bind
