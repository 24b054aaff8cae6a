#include "bind/sha256_digests.hpp"

namespace py = pybind11;

namespace retain::bind {

Sha256Digests::Sha256Digests(std::size_t files) {
  const py::object sha256 = py::module_::import("hashlib").attr("sha256");
  for (std::size_t i = 0; i < files; ++i) digests_.push_back(sha256());
}

void Sha256Digests::update(std::size_t file, std::span<const std::byte> bytes) {
  const py::gil_scoped_acquire acquire;
  digests_[file].attr("update")(py::memoryview::from_memory(bytes.data(), static_cast<py::ssize_t>(bytes.size())));
}

std::string Sha256Digests::hex(std::size_t file) const {
  return digests_[file].attr("hexdigest")().cast<std::string>();
}

}  // namespace retain::bind
