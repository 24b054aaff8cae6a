// The threads of a stream: they take work until there is none, one failure stops all, progress comes from the caller's
// thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>

namespace retain::merge {

/// Called from the calling thread about ten times a second with the bytes processed so far; false stops the stream.
using Progress = std::function<bool(std::uint64_t)>;

class Crew {
 public:
  /// Runs `body` on `threads` threads, each in the default floating-point mode; a body returns when there is no work
  /// left or is_stopped(). `on_stop` is called, from any thread, when the crew is stopped early: it must wake bodies
  /// that wait.
  /// @return false if `progress` asked to stop. @throw what a thread threw first.
  bool run(std::size_t threads, const std::function<void()>& body, const std::function<void()>& on_stop,
           const Progress& progress);

  bool is_stopped() const { return stopped_; }
  void advance(std::uint64_t bytes) { processed_ += bytes; }

 private:
  void work(const std::function<void()>& body, const std::function<void()>& on_stop);
  void stop(const std::function<void()>& on_stop);
  void watch(const std::function<void()>& on_stop, const Progress& progress);

  std::atomic<std::uint64_t> processed_{0};
  std::atomic<bool> stopped_{false};
  bool cancelled_ = false;  // the calling thread's own
  std::mutex mutex_;
  std::condition_variable done_;
  std::size_t running_ = 0;
  std::exception_ptr error_;
};

}  // namespace retain::merge
