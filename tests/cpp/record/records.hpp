// Records with known contents, and a directory that goes when the test does.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "record/observation_record.hpp"
#include "record/tick_record.hpp"

namespace retain::testing {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "retain-record-XXXXXX").string();
    path = mkdtemp(pattern.data());
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() { std::filesystem::remove_all(path); }

  std::filesystem::path path;
};

inline std::string contents(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline TickRecord tick_at(Nanoseconds time_ns) {
  TickRecord record;
  record.time_ns = time_ns;
  record.chunk = 3;
  record.measured.fill(0.25);
  return record;
}

inline ObservationRecord observation(std::size_t image_bytes = 48) { return {{image_bytes}, 3, 4, 3, 3}; }

}  // namespace retain::testing
