// The crash dump for control loops written in Python, and for the tests of its reader.
#include "bind/bind_crash_dump.hpp"

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "error.hpp"
#include "runtime/crash_dump.hpp"

namespace py = pybind11;

namespace retain::bind {

namespace {

ChannelValues values_of(const std::vector<double>& values, std::size_t channels) {
  if (values.size() != channels) throw ConfigError("expected one value per channel, " + std::to_string(channels));
  ChannelValues filled{};
  std::copy(values.begin(), values.end(), filled.begin());
  return filled;
}

/// Active between __enter__ and __exit__.
class CrashDumpContext {
 public:
  CrashDumpContext(std::filesystem::path path, std::shared_ptr<CrashRing> ring, std::vector<std::string> names)
      : path_(std::move(path)), ring_(std::move(ring)), names_(std::move(names)) {}

  void enter() { dump_.emplace(path_, *ring_, names_); }
  void exit() { dump_.reset(); }

 private:
  std::filesystem::path path_;
  std::shared_ptr<CrashRing> ring_;
  std::vector<std::string> names_;
  std::optional<CrashDump> dump_;
};

}  // namespace

void bind_crash_dump(py::module_& m) {
  py::class_<CrashRing, std::shared_ptr<CrashRing>>(m, "CrashRing", "The last ticks, for a crash dump.")
      .def(py::init<std::size_t>(), py::arg("channels"))
      .def(
          "push",
          [](CrashRing& ring, std::int64_t time_ns, std::uint8_t state, std::uint8_t reaction, std::uint64_t chunk,
             std::uint32_t row, const std::vector<double>& measured, const std::vector<double>& sent) {
            CrashEntry entry;
            entry.time_ns = time_ns;
            entry.chunk = chunk;
            entry.row = row;
            entry.state = state;
            entry.reaction = reaction;
            entry.measured = values_of(measured, ring.channels());
            entry.sent = values_of(sent, ring.channels());
            ring.push(entry);
          },
          py::arg("time_ns"), py::arg("state"), py::arg("reaction"), py::arg("chunk"), py::arg("row"),
          py::arg("measured"), py::arg("sent"), "Add one tick; measured and sent have one value per channel.")
      .def_property_readonly("count", &CrashRing::count);

  py::class_<CrashDumpContext>(m, "CrashDump", "Context manager: a crash inside it writes the ring to the file.")
      .def(py::init<std::filesystem::path, std::shared_ptr<CrashRing>, std::vector<std::string>>(), py::arg("path"),
           py::arg("ring"), py::arg("channel_names"))
      .def(
          "__enter__",
          [](CrashDumpContext& context) -> CrashDumpContext& {
            context.enter();
            return context;
          },
          py::return_value_policy::reference)
      .def("__exit__", [](CrashDumpContext& context, const py::args&) { context.exit(); });
}

}  // namespace retain::bind
