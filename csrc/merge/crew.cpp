#include "merge/crew.hpp"

#include <algorithm>
#include <cfenv>
#include <chrono>
#include <thread>
#include <vector>

namespace retain::merge {
namespace {

constexpr auto kProgressPeriod = std::chrono::milliseconds(100);

}  // namespace

bool Crew::run(std::size_t threads, const std::function<void()>& body, const std::function<void()>& on_stop,
               const Progress& progress) {
  running_ = std::max<std::size_t>(threads, 1);
  std::vector<std::jthread> crew;
  crew.reserve(running_);
  try {
    for (std::size_t i = running_; i > 0; --i) crew.emplace_back([&] { work(body, on_stop); });
    watch(on_stop, progress);
  } catch (...) {
    // Neither a thread that cannot start nor a progress function that throws may leave the others working on.
    stop(on_stop);
    throw;
  }
  crew.clear();  // joins
  if (error_) std::rethrow_exception(error_);
  return !cancelled_;
}

void Crew::work(const std::function<void()>& body, const std::function<void()>& on_stop) {
  // Threads inherit the floating-point mode of whoever started them; a host program may have set flush-to-zero.
  std::fesetenv(FE_DFL_ENV);
  try {
    body();
  } catch (...) {
    {
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = std::current_exception();
    }
    stop(on_stop);
  }
  const std::lock_guard lock(mutex_);
  --running_;
  done_.notify_one();
}

void Crew::stop(const std::function<void()>& on_stop) {
  stopped_ = true;
  if (on_stop) on_stop();
}

void Crew::watch(const std::function<void()>& on_stop, const Progress& progress) {
  std::unique_lock lock(mutex_);
  while (!done_.wait_for(lock, kProgressPeriod, [this] { return running_ == 0; })) {
    lock.unlock();
    if (progress && !cancelled_ && !progress(processed_)) {
      cancelled_ = true;
      stop(on_stop);
    }
    lock.lock();
  }
  lock.unlock();
  if (progress && !cancelled_ && !stopped_ && !progress(processed_)) cancelled_ = true;
}

}  // namespace retain::merge
