// The tick asks the kernel for nothing but its sleep: a filter kills the process at any other system call.
#include <doctest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstddef>

#include "runtime/pacer.hpp"
#include "runtime/rig.hpp"

using namespace retain;
using namespace retain::testing;

namespace {

// Sanitizers make system calls of their own wherever they like.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

constexpr int kFiltered = 42;
constexpr int kNoFilter = 43;

/// From here on this thread may sleep, read the clock where the vDSO cannot, and end; anything else kills the process.
bool allow_only_sleep() {
  const auto allow = [](unsigned nr) {
    return std::array<sock_filter, 2>{sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
                                      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  };
  const auto sleep = allow(SYS_clock_nanosleep);
  const auto clock = allow(SYS_clock_gettime);
  const auto end = allow(SYS_exit_group);
  std::array<sock_filter, 8> code{sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                                  sleep[0],
                                  sleep[1],
                                  clock[0],
                                  clock[1],
                                  end[0],
                                  end[1],
                                  sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)};
  sock_fprog program{.len = static_cast<unsigned short>(code.size()), .filter = code.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/// In a child of its own: chunks, holds, a ramp, in real time; then the exit code.
[[noreturn]] void tick_filtered(bool trespass) {
  Scenario scenario;
  scenario.rate_hz = 1000.0;
  Rig rig(scenario, drift(0.02));
  MonotonicClock clock;
  MotionHistory history(4096, Rig::kChannels);
  TripleBuffer<Chunk> chunks{Chunk(16, Rig::kChannels)};
  Recorder recorder(1 << 12, 16);
  Controller controller(
      {.period_ns = to_ns(0.001),
       .duration_ns = to_ns(0.4),
       .limits = rig_limits(),
       .following_error = std::vector<double>(Rig::kChannels, 1e9),
       .supervisor = {.hold_timeout_ns = to_ns(60.0),
                      .first_chunk_timeout_ns = to_ns(60.0),
                      .inference_timeout_ns = to_ns(60.0),
                      .state_timeout_ns = to_ns(60.0),
                      .rejections = 2,
                      .overruns_per_s = 1'000'000}},
      clock, rig.robot,
      Exchange{chunks, rig.health, rig.requests, rig.surroundings, history, recorder, rig.crash.get()});
  controller.arm();
  Chunk& chunk = chunks.back();
  chunk.id = 1;
  chunk.observed_ns = chunk.start_ns = clock.now_ns();
  chunk.dt_ns = to_ns(0.02);
  chunk.playable_rows = 10;  // half of the run; the rest holds, and time_over ramps down
  for (std::size_t i = 0; i < chunk.planned.size(); ++i) chunk.planned[i] = 0.001 * static_cast<double>(i);
  chunks.publish();
  Pacer pacer(clock.now_ns(), to_ns(0.001));
  if (!allow_only_sleep()) _exit(kNoFilter);
  if (trespass) (void)syscall(SYS_getppid);
  while (!controller.tick(pacer.wait(clock))) {
  }
  _exit(kFiltered);
}

int run_child(bool trespass) {
  const pid_t child = fork();
  if (child == 0) tick_filtered(trespass);
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

}  // namespace

TEST_CASE("a run of ticks makes no system call but its sleep") {
  if (kSanitized) {
    MESSAGE("left out: sanitizers make system calls of their own");
    return;
  }
  const int status = run_child(false);
  if (WIFEXITED(status) && WEXITSTATUS(status) == kNoFilter) {
    MESSAGE("left out: this kernel does not let a process filter its system calls");
    return;
  }
  REQUIRE_MESSAGE(WIFEXITED(status), "killed by signal " << WTERMSIG(status));
  CHECK(WEXITSTATUS(status) == kFiltered);
  // And the filter is one: a process that trespasses is killed.
  const int trespasser = run_child(true);
  CHECK(WIFSIGNALED(trespasser));
}
