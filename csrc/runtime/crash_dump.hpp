// A crash leaves the last ticks in a file: what was measured and sent before SIGSEGV, SIGBUS, SIGFPE, SIGILL or
// SIGABRT.
#pragma once

#include <signal.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "runtime/crash_ring.hpp"

namespace retain {

/// What a crash dump begins with; `entries` CrashEntry follow, oldest first. Plain bytes in the machine's own order.
struct CrashHeader {
  static constexpr std::size_t kNameBytes = 64;

  std::array<char, 8> magic{'R', 'E', 'T', 'A', 'I', 'N', 'C', 'D'};
  std::uint32_t version = 1;
  std::uint32_t header_bytes = 0;
  std::uint32_t entry_bytes = 0;
  std::uint32_t entries = 0;
  std::uint32_t channels = 0;
  std::int32_t signal = 0;
  std::int32_t code = 0;  ///< si_code: what the kernel says about the cause; 0 and less: somebody sent the signal
  std::int32_t process = 0;
  std::int32_t thread = 0;
  std::uint32_t max_channels = kMaxChannels;
  std::uint64_t address = 0;  ///< that could not be accessed, or the instruction's; of no meaning where code <= 0
  std::int64_t time_ns = 0;   ///< CLOCK_MONOTONIC, as in the entries
  std::array<std::array<char, kNameBytes>, kMaxChannels> names{};  ///< of the channels, cut to fit
};
static_assert(std::is_trivially_copyable_v<CrashHeader>);
static_assert(sizeof(CrashHeader) == 64 + CrashHeader::kNameBytes * kMaxChannels);

/// What else is to happen in the dying process, after the dump. Must be async-signal-safe.
struct CrashHook {
  void (*call)(void* context) noexcept = nullptr;
  void* context = nullptr;
};

/// Catches the five signals during its life. One at a time in a process. The handler writes the file (opened here, so
/// that nothing needs to be allocated or looked up then), calls the hook, puts the former handlers back and lets the
/// signal strike again: faulthandler, a debugger's core dump and the exit status are as without it. No command is sent
/// from here on; the robot's own watchdog stops it.
class CrashDump {
 public:
  /// @param path to be made; an older file is replaced
  /// @param ring must outlive this object
  /// @param channel_names in the robot's order
  /// @throw ConfigError if the file cannot be made, or another one is active
  CrashDump(std::filesystem::path path, const CrashRing& ring, const std::vector<std::string>& channel_names,
            CrashHook hook = {});
  CrashDump(const CrashDump&) = delete;
  CrashDump& operator=(const CrashDump&) = delete;

  /// Puts the former handlers back. Nothing has crashed: the empty file is taken away.
  ~CrashDump();

 private:
  std::filesystem::path path_;
};

/// A stack of its own for the handlers of the calling thread, so that an overflow of the thread's stack can be dumped
/// too. For the thread's life; made and destroyed on that thread. A thread that has one already keeps it.
class CrashStack {
 public:
  CrashStack();
  CrashStack(const CrashStack&) = delete;
  CrashStack& operator=(const CrashStack&) = delete;
  ~CrashStack();

 private:
  std::unique_ptr<std::byte[]> memory_;
};

}  // namespace retain
