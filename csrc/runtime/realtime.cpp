#include "runtime/realtime.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>

namespace retain {

namespace {

constexpr const char* kLockedMemory = "locked memory";
constexpr const char* kAwakeCores = "awake cores";
constexpr const char* kLatencyFile = "/dev/cpu_dma_latency";
constexpr unsigned long kTimerSlackNs = 1;
constexpr std::size_t kPrefaultedStackBytes = 64 * 1024;

// The kernel keeps the promise for as long as the file is open. One loop runs at a time in a process.
std::atomic<int> latency_file{-1};

std::string because(int error, const char* remedy) { return std::string(std::strerror(error)) + "; " + remedy; }

// The default slack of 50 µs is the whole median lateness of a normal thread.
RealtimeGrant exact_timers() {
  const bool granted = prctl(PR_SET_TIMERSLACK, kTimerSlackNs, 0, 0, 0) == 0;
  return {"timer slack 1 ns", granted, granted ? "" : std::strerror(errno)};
}

RealtimeGrant fifo(int priority) {
  sched_param parameters{};
  parameters.sched_priority = priority;
  const int error = pthread_setschedparam(pthread_self(), SCHED_FIFO, &parameters);
  return {
      "SCHED_FIFO " + std::to_string(priority), error == 0,
      error == 0 ? "" : because(error, "allow it with `ulimit -r 99` or an rtprio line in /etc/security/limits.conf")};
}

RealtimeGrant affinity(int cpu) {
  const std::string what = "core " + std::to_string(cpu);
  if (cpu < 0 || cpu >= CPU_SETSIZE) return {what, false, "no such core; `nproc` counts them from 0"};
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(static_cast<std::size_t>(cpu), &cores);
  const int error = pthread_setaffinity_np(pthread_self(), sizeof(cores), &cores);
  return {what, error == 0, error == 0 ? "" : because(error, "see `taskset -p $$` for the cores this process may use")};
}

RealtimeGrant lock_memory() {
  rlimit limit{};
  getrlimit(RLIMIT_MEMLOCK, &limit);
  // Under a finite limit mlockall(MCL_FUTURE) may succeed now and make a later allocation of the process fail.
  if (geteuid() != 0 && limit.rlim_cur != RLIM_INFINITY) {
    return {kLockedMemory, false,
            "the limit is " + std::to_string(limit.rlim_cur / 1024) + " KiB; raise it with `ulimit -l unlimited`"};
  }
  if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) {
    return {kLockedMemory, false, because(errno, "raise the limit with `ulimit -l unlimited`")};
  }
  std::array<volatile unsigned char, kPrefaultedStackBytes> stack;
  for (std::size_t i = 0; i < stack.size(); i += 4096) stack[i] = 0;
  return {kLockedMemory, true, ""};
}

// No core sleeps more deeply than it can wake from at once. cyclictest asks for the same; leaving sleep was half of the
// median lateness on a virtual machine (docs/decisions.md).
RealtimeGrant awake_cores() {
  const int file = open(kLatencyFile, O_WRONLY | O_CLOEXEC);
  if (file < 0) return {kAwakeCores, false, because(errno, "allow it with `sudo chmod a+rw /dev/cpu_dma_latency`")};
  const std::int32_t microseconds = 0;
  if (write(file, &microseconds, sizeof(microseconds)) != static_cast<ssize_t>(sizeof(microseconds))) {
    const int error = errno;
    close(file);
    return {kAwakeCores, false, std::string(kLatencyFile) + ": " + std::strerror(error)};
  }
  if (const int former = latency_file.exchange(file); former >= 0) close(former);
  return {kAwakeCores, true, ""};
}

}  // namespace

std::vector<RealtimeGrant> request_realtime(const RealtimeRequest& request) {
  std::vector<RealtimeGrant> grants{exact_timers()};
  if (request.cpu) grants.push_back(affinity(*request.cpu));
  if (request.lock_memory) grants.push_back(lock_memory());
  if (request.priority) {
    grants.push_back(awake_cores());
    grants.push_back(fifo(*request.priority));
  }
  return grants;
}

void release_realtime(const std::vector<RealtimeGrant>& grants) noexcept {
  for (const RealtimeGrant& grant : grants) {
    if (!grant.granted) continue;
    if (grant.what == kLockedMemory) munlockall();
    if (grant.what == kAwakeCores) {
      if (const int file = latency_file.exchange(-1); file >= 0) close(file);
    }
  }
}

}  // namespace retain
