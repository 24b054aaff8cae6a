// SHA-256 by Python's hashlib, for the merge stream.
#pragma once

#include <pybind11/pybind11.h>

#include <string>
#include <vector>

#include "merge/digests.hpp"

namespace retain::bind {

/// hashlib lets other threads run while it hashes, so blocks of different files are hashed at a time.
class Sha256Digests : public merge::Digests {
 public:
  /// The caller holds the GIL, here and in hex().
  explicit Sha256Digests(std::size_t files);

  /// The caller does not hold the GIL.
  void update(std::size_t file, std::span<const std::byte> bytes) override;

  std::string hex(std::size_t file) const;

 private:
  std::vector<pybind11::object> digests_;
};

}  // namespace retain::bind
