#include "runtime/crash_dump.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "error.hpp"

namespace retain {

namespace {

constexpr std::array kSignals{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
constexpr std::size_t kStackBytes = 64 * 1024;
constexpr int kPatience_s = 5;

// Everything the handler touches. Static: it must be there however far the process has come apart.
struct Armed {
  int file = -1;
  const CrashRing* ring = nullptr;
  CrashHook hook;
  CrashHeader header;
  std::array<struct sigaction, kSignals.size()> former{};
};
Armed armed;
std::atomic<bool> active{false};
std::atomic<bool> dumping{false};
static_assert(std::atomic<bool>::is_always_lock_free);

bool write_all(const void* data, std::size_t size) noexcept {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = write(armed.file, at, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    at += written;
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

void dump(int signal, const siginfo_t* info) noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const std::uint64_t newest = armed.ring->count();
  const std::uint64_t kept = std::min<std::uint64_t>(newest, CrashRing::kEntries);
  CrashHeader& header = armed.header;
  header.entries = static_cast<std::uint32_t>(kept);
  header.signal = signal;
  header.code = info->si_code;
  header.process = getpid();
  header.thread = static_cast<std::int32_t>(syscall(SYS_gettid));
  header.address = std::bit_cast<std::uintptr_t>(info->si_addr);
  header.time_ns = static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
  bool whole = write_all(&header, sizeof(header));
  for (std::uint64_t number = newest - kept + 1; whole && number <= newest; ++number) {
    CrashEntry entry;
    if (!armed.ring->read(number, entry)) entry = CrashEntry{};
    whole = write_all(&entry, sizeof(entry));
  }
  fsync(armed.file);
}

void restore_former() noexcept {
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &armed.former[i], nullptr);
}

extern "C" void on_crash(int signal, siginfo_t* info, void*) {
  const int saved_errno = errno;
  if (!dumping.exchange(true)) {
    dump(signal, info);
    if (armed.hook.call != nullptr) armed.hook.call(armed.hook.context);
  } else {
    // Another thread crashed first and will end the process; should it fail to, this one does.
    timespec patience{.tv_sec = kPatience_s, .tv_nsec = 0};
    while (nanosleep(&patience, &patience) != 0 && errno == EINTR) {
    }
  }
  restore_former();
  errno = saved_errno;
  // A fault of the processor strikes again by itself when the handler returns, with its address; a signal that was sent
  // (abort, raise, kill) has to be sent again. It waits until this handler is left.
  if (info->si_code <= 0) raise(signal);
}

}  // namespace

CrashDump::CrashDump(std::filesystem::path path, const CrashRing& ring, const std::vector<std::string>& channel_names,
                     CrashHook hook)
    : path_(std::move(path)) {
  if (active.exchange(true)) throw ConfigError("another crash dump is active in this process; end its loop first");
  armed.file = open(path_.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
  if (armed.file < 0) {
    const int error = errno;
    active.store(false);
    throw ConfigError("cannot make the crash dump's file " + path_.string() + ": " + std::strerror(error) +
                      "; name a folder that exists and can be written to");
  }
  armed.ring = &ring;
  armed.hook = hook;
  armed.header = {};
  armed.header.header_bytes = sizeof(CrashHeader);
  armed.header.entry_bytes = sizeof(CrashEntry);
  armed.header.channels = static_cast<std::uint32_t>(ring.channels());
  for (std::size_t c = 0; c < std::min(channel_names.size(), ring.channels()); ++c) {
    std::copy_n(channel_names[c].begin(), std::min(channel_names[c].size(), CrashHeader::kNameBytes - 1),
                armed.header.names[c].begin());
  }
  dumping.store(false);
  struct sigaction action{};
  action.sa_sigaction = on_crash;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigfillset(&action.sa_mask);
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &action, &armed.former[i]);
}

CrashDump::~CrashDump() {
  restore_former();
  close(std::exchange(armed.file, -1));
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
  active.store(false);
}

CrashStack::CrashStack() {
  stack_t present{};
  if (sigaltstack(nullptr, &present) != 0 || (present.ss_flags & SS_DISABLE) == 0) return;
  memory_ = std::make_unique<std::byte[]>(kStackBytes);
  stack_t stack{};
  stack.ss_sp = memory_.get();
  stack.ss_size = kStackBytes;
  if (sigaltstack(&stack, nullptr) != 0) memory_.reset();
}

CrashStack::~CrashStack() {
  if (!memory_) return;
  stack_t none{};
  none.ss_flags = SS_DISABLE;
  sigaltstack(&none, nullptr);
}

}  // namespace retain
