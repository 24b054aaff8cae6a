// Child processes that really crash, and what they leave behind.
#include "runtime/crash_dump.hpp"

#include <doctest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <random>
#include <thread>

#include "error.hpp"

using namespace retain;

namespace {

namespace fs = std::filesystem;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

constexpr std::uint64_t kTicks = CrashRing::kEntries + 200;
constexpr std::array kSignals{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

struct Dump {
  CrashHeader header;
  std::vector<CrashEntry> entries;
};

class TemporaryFile {
 public:
  TemporaryFile() : path_(fs::temp_directory_path() / ("retain-crash-" + std::to_string(std::random_device{}()))) {}
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() { fs::remove(path_); }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

Dump read_dump(const fs::path& path) {
  Dump dump;
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file.read(reinterpret_cast<char*>(&dump.header), sizeof(dump.header)));
  dump.entries.resize(dump.header.entries);
  REQUIRE(file.read(reinterpret_cast<char*>(dump.entries.data()),
                    static_cast<std::streamsize>(dump.entries.size() * sizeof(CrashEntry))));
  CHECK(file.peek() == std::ifstream::traits_type::eof());
  return dump;
}

void fill(CrashRing& ring) {
  for (std::uint64_t number = 1; number <= kTicks; ++number) {
    CrashEntry entry;
    entry.time_ns = static_cast<std::int64_t>(number) * 2'000'000;
    entry.chunk = 5;
    entry.measured[1] = static_cast<double>(number);
    entry.sent[1] = -static_cast<double>(number);
    ring.push(entry);
  }
}

int wait_for(pid_t child) {
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return status;
}

/// Runs `body` in a child that has default handlers and leaves no core file.
int in_child(const std::function<void()>& body) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    for (const int signal : kSignals) ::signal(signal, SIG_DFL);
    body();
    _exit(0);
  }
  return wait_for(child);
}

volatile int zero = 0;

void touch_nothing() { *static_cast<volatile int*>(nullptr) = 1; }

void touch_past_the_end() {
  std::FILE* empty = std::tmpfile();
  void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(empty), 0);
  *static_cast<volatile int*>(page) = 1;
}

void divide_by_zero() {
#if defined(__x86_64__)
  zero = 1 / zero;
#endif
  raise(SIGFPE);  // where a division by zero gives a number
}

void meet_no_instruction() {
#if defined(__x86_64__)
  __builtin_trap();
#endif
  raise(SIGILL);  // where a trap is another signal
}

volatile bool deeper = true;

[[gnu::noinline]] int overflow(volatile char* above) {
  volatile char frame[4096];
  frame[0] = above == nullptr ? '\0' : *above;
  return (deeper ? overflow(frame) : 0) + frame[0];
}

void expect_the_last_ticks(const Dump& dump, int signal) {
  CHECK(std::string(dump.header.magic.begin(), dump.header.magic.end()) == "RETAINCD");
  CHECK(dump.header.signal == signal);
  CHECK(dump.header.channels == 2);
  CHECK(std::string(dump.header.names[1].data()) == "elbow");
  CHECK(dump.header.time_ns > 0);
  REQUIRE(dump.entries.size() == CrashRing::kEntries);
  for (std::size_t i = 0; i < dump.entries.size(); ++i) {
    const std::uint64_t number = kTicks - CrashRing::kEntries + 1 + i;
    CHECK(dump.entries[i].number == number);
    CHECK(dump.entries[i].sent[1] == -static_cast<double>(number));
  }
}

}  // namespace

TEST_CASE("each way of crashing leaves the last ticks, and the signal ends the process as it would have") {
  if (kSanitized) {
    MESSAGE("not run: the sanitizer's own handlers stand on these signals");
    return;
  }
  const std::vector<std::pair<int, void (*)()>> ways{{SIGSEGV, touch_nothing},
                                                     {SIGBUS, touch_past_the_end},
                                                     {SIGFPE, divide_by_zero},
                                                     {SIGILL, meet_no_instruction},
                                                     {SIGABRT, [] { std::abort(); }}};
  const auto ring = std::make_unique<CrashRing>(2);
  for (const auto& [signal, crash] : ways) {
    CAPTURE(signal);
    const TemporaryFile file;
    const int status = in_child([&] {
      const CrashDump dump(file.path(), *ring, {"base", "elbow"});
      fill(*ring);
      crash();
    });
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == signal);
    expect_the_last_ticks(read_dump(file.path()), signal);
  }
}

TEST_CASE("the kernel's words about the fault are kept") {
  if (kSanitized) return;
  const TemporaryFile file;
  const CrashRing ring(1);
  in_child([&] {
    const CrashDump dump(file.path(), ring, {"base"});
    *std::bit_cast<volatile int*>(std::uintptr_t{0x1230}) = 1;
  });
  const Dump dump = read_dump(file.path());
  CHECK(dump.header.address == 0x1230);
  CHECK(dump.header.code == SEGV_MAPERR);
  CHECK(dump.entries.empty());
}

TEST_CASE("the hook runs after the dump, then the former handler, with the fault's address") {
  if (kSanitized) return;
  static int pipe_ends[2];
  REQUIRE(pipe(pipe_ends) == 0);
  const TemporaryFile file;
  const CrashRing ring(1);
  const int status = in_child([&] {
    struct sigaction former{};
    former.sa_flags = SA_SIGINFO;
    former.sa_sigaction = [](int, siginfo_t* info, void*) {
      const char letter = std::bit_cast<std::uintptr_t>(info->si_addr) == 0x1230 ? 'F' : '?';
      _exit(write(pipe_ends[1], &letter, 1) == 1 ? 42 : 43);
    };
    sigaction(SIGSEGV, &former, nullptr);
    const CrashHook hook{[](void* context) noexcept {
                           const char letter = 'H';
                           if (write(*static_cast<int*>(context), &letter, 1) != 1) _exit(44);
                         },
                         &pipe_ends[1]};
    const CrashDump dump(file.path(), ring, {"base"}, hook);
    *std::bit_cast<volatile int*>(std::uintptr_t{0x1230}) = 1;
  });
  close(pipe_ends[1]);
  std::array<char, 3> letters{};
  CHECK(read(pipe_ends[0], letters.data(), letters.size()) == 2);
  close(pipe_ends[0]);
  CHECK(std::string(letters.data()) == "HF");
  CHECK(WEXITSTATUS(status) == 42);
  CHECK(read_dump(file.path()).header.signal == SIGSEGV);
}

TEST_CASE("an overflow of a thread's own stack is dumped too") {
  if (kSanitized) return;
  const TemporaryFile file;
  const auto ring = std::make_unique<CrashRing>(2);
  const int status = in_child([&] {
    const CrashDump dump(file.path(), *ring, {"base", "elbow"});
    fill(*ring);
    std::thread([] {
      const CrashStack stack;
      overflow(nullptr);
    }).join();
  });
  CHECK(WTERMSIG(status) == SIGSEGV);
  const Dump dump = read_dump(file.path());
  expect_the_last_ticks(dump, SIGSEGV);
  CHECK(dump.header.thread != dump.header.process);
}

TEST_CASE("threads that crash at once make one dump") {
  if (kSanitized) return;
  const TemporaryFile file;
  const auto ring = std::make_unique<CrashRing>(2);
  const int status = in_child([&] {
    const CrashDump dump(file.path(), *ring, {"base", "elbow"});
    fill(*ring);
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) threads.emplace_back(touch_nothing);
    for (std::thread& thread : threads) thread.join();
  });
  CHECK(WTERMSIG(status) == SIGSEGV);
  expect_the_last_ticks(read_dump(file.path()), SIGSEGV);
}

TEST_CASE("a run that ends well leaves no file and the handlers it found") {
  const TemporaryFile file;
  const CrashRing ring(1);
  std::array<struct sigaction, kSignals.size()> before{}, after{};
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], nullptr, &before[i]);
  {
    const CrashStack stack;
    const CrashDump dump(file.path(), ring, {"base"});
    CHECK(fs::exists(file.path()));
    CHECK_THROWS_WITH_AS(CrashDump(file.path(), ring, {}), doctest::Contains("another crash dump"), ConfigError);
  }
  CHECK_FALSE(fs::exists(file.path()));
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    sigaction(kSignals[i], nullptr, &after[i]);
    CHECK((before[i].sa_sigaction == after[i].sa_sigaction));
  }
}

TEST_CASE("a folder that is not there is a sentence, and the next dump can be made") {
  const CrashRing ring(1);
  CHECK_THROWS_WITH_AS(CrashDump("/nowhere/at/all/crash", ring, {}), doctest::Contains("/nowhere/at/all/crash"),
                       ConfigError);
  const TemporaryFile file;
  const CrashDump dump(file.path(), ring, {"base"});
  CHECK(fs::exists(file.path()));
}
