// How often the calling thread allocates. Link allocation_count.cpp, which replaces operator new for the executable.
#pragma once

#include <cstdint>

namespace retain::testing {

/// Counts from its construction to stop(), on this thread alone.
class AllocationCount {
 public:
  AllocationCount() noexcept;
  AllocationCount(const AllocationCount&) = delete;
  AllocationCount& operator=(const AllocationCount&) = delete;
  ~AllocationCount();

  std::uint64_t stop() noexcept;
};

}  // namespace retain::testing
