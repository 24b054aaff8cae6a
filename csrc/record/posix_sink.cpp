#include "record/posix_sink.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <system_error>

namespace retain {

namespace {

// A limit on file sizes (ulimit -f) kills the process by signal unless the writing thread blocks it.
class NoFileSizeSignal {
 public:
  NoFileSizeSignal() noexcept {
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &blocked, &before_);
  }
  NoFileSizeSignal(const NoFileSizeSignal&) = delete;
  NoFileSizeSignal& operator=(const NoFileSizeSignal&) = delete;
  ~NoFileSizeSignal() {
    // One that was raised meanwhile belongs to this thread; taken off, it hurts nobody.
    sigset_t raised;
    sigemptyset(&raised);
    sigaddset(&raised, SIGXFSZ);
    const timespec at_once{};
    if (sigismember(&before_, SIGXFSZ) == 0) sigtimedwait(&raised, nullptr, &at_once);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t before_{};
};

}  // namespace

bool PosixSink::open(const std::string& path) {
  path_ = path;
  descriptor_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail("be opened");
  return descriptor_ >= 0;
}

void PosixSink::write(std::span<const std::byte> bytes) noexcept {
  if (descriptor_ < 0 || !error_.empty()) return;
  const NoFileSizeSignal quiet;
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return fail("be written");
    size_ += static_cast<std::uint64_t>(written);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void PosixSink::close() noexcept {
  if (descriptor_ < 0) return;
  // Pipes and /dev/null cannot be synchronized (EINVAL), which is no failure of theirs.
  if (::fsync(descriptor_) != 0 && errno != EINVAL && error_.empty()) fail("be written");
  if (::close(descriptor_) != 0 && error_.empty()) fail("be closed");
  descriptor_ = -1;
}

void PosixSink::fail(const char* what) noexcept {
  try {
    error_ = path_ + " cannot " + what + ": " + std::generic_category().message(errno);
  } catch (...) {
    error_ = "no memory";  // fits into the string itself
  }
}

}  // namespace retain
