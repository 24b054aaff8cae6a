// Feetech servos behind a real pty, in a thread of their own: what cannot be here is only what the bytes come from.
// They keep what they are told, move towards their goals, and answer as badly as a test wants.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "robot/feetech/calibration.hpp"

namespace retain::feetech::testing {

using Bytes = std::vector<std::uint8_t>;

/// How answers to sync reads are spoiled.
struct Faults {
  double rate = 0.0;    ///< share of the packets
  bool bursts = false;  ///< several bytes at once, which one packet in 256 survives with a valid checksum
  std::uint64_t seed = 1;
};

struct EmulatedServo {
  Motor motor;
  std::array<std::uint8_t, 256> registers{};
  std::uint8_t error = 0;
  bool mute = false;
  int goals = 0;          ///< how many have come
  int goals_outside = 0;  ///< of these, outside the servo's limits
  bool goal_was_here_when_torque_came = false;
  std::array<std::int64_t, 4096> shown_ns{};  ///< when it last said this position, CLOCK_MONOTONIC; 0: never

  [[nodiscard]] int word(std::size_t address) const;
  void set_word(std::size_t address, int value);
};

class EmulatedBus {
 public:
  explicit EmulatedBus(const std::vector<Motor>& motors);
  ~EmulatedBus();

  /// A link to the pty, the same after replug().
  [[nodiscard]] const std::string& path() const { return path_; }

  /// Looks at or changes a servo between two packets.
  void with(std::uint8_t id, const std::function<void(EmulatedServo&)>& act);
  void with_all(const std::function<void(EmulatedServo&)>& act);

  void set_faults(const Faults& faults);
  /// Counts per round that a servo moves towards its goal, or up the circle if it has none.
  void set_step(int step) { step_ = step; }
  /// Time of one byte on the wire; 0: none.
  void set_byte_time(std::int64_t ns) { byte_ns_ = ns; }
  void set_echo(bool echo) { echo_ = echo; }
  /// Bytes without end, whatever is asked.
  void set_babble(bool babble) { babble_ = babble; }

  void unplug();
  void replug();

  [[nodiscard]] std::uint64_t faulty_packets() const { return faulty_; }

 private:
  void open();
  void run();
  void take(const std::uint8_t* bytes, std::size_t count);
  void handle(const Bytes& packet, std::int64_t came_ns);
  void write_registers(std::uint8_t id, std::size_t address, const std::uint8_t* values, std::size_t count);
  [[nodiscard]] Bytes sync_read(const Bytes& packet);
  [[nodiscard]] Bytes spoil(std::vector<Bytes> answers);
  void send(const Bytes& bytes, std::int64_t came_ns);
  [[nodiscard]] int draw(int below);

  std::mutex mutex_;  // the servos, the faults, the random numbers
  std::map<std::uint8_t, EmulatedServo> servos_;
  Faults faults_;
  std::mt19937_64 random_;
  std::vector<Bytes> late_;
  int stalled_ = 0;  // rounds for which nothing gets through yet
  Bytes input_;
  std::atomic<int> step_{8};
  std::atomic<std::int64_t> byte_ns_{0};
  std::atomic<bool> echo_{false};
  std::atomic<bool> babble_{false};
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> faulty_{0};
  std::string directory_;
  std::string path_;
  int master_ = -1;
  int slave_ = -1;
  std::thread thread_;
};

/// An SO-101's six servos, each with a range and an offset of its own.
std::vector<Motor> so101_motors();

}  // namespace retain::feetech::testing
