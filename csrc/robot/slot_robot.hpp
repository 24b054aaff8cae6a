// An arm whose driver runs on a thread of its own, at its own pace: in Python, or behind a slow bus.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "exchange/triple_buffer.hpp"
#include "robot/robot.hpp"

namespace retain {

/// Two sides meet here. The tick takes the newest state and leaves its command; the driver leaves states and takes the
/// newest command. Each side has one thread, and neither ever waits for the other: both directions are triple buffers.
/// A driver that is slow, blocked or gone shows in the age of the state, which the loop watches.
class SlotRobot final : public Robot {
 public:
  /// @throw DeviceError if there is no channel, or more than kMaxChannels
  explicit SlotRobot(std::vector<RobotChannel> channels);

  [[nodiscard]] const std::vector<RobotChannel>& channels() const noexcept override { return channels_; }

  /// @throw DeviceError if the driver has ended or was told to drop; the sentence has the driver's own words
  void start() override;

  /// The newest state with the time that the driver gave it, however old: `silent` only before the first one and after
  /// the driver's end.
  [[nodiscard]] RobotStatus read(std::int64_t now_ns, RobotState& state) noexcept override;

  /// Leaves the command for the driver. `rejected` after drop(), `silent` after the driver's end.
  [[nodiscard]] RobotStatus write(std::span<const double> command) noexcept override;

  /// From now on the driver gets no command, and is told so.
  void drop() noexcept override { dropped_.store(true, std::memory_order_release); }

  [[nodiscard]] std::vector<RobotCount> counts() const override;

  /// Driver: a state was measured.
  /// @param time_ns when, CLOCK_MONOTONIC
  /// @return false if it is not newer than the last one; then it was not taken, and is counted
  /// @throw DeviceError unless there is one position per channel
  bool push_state(std::int64_t time_ns, std::span<const double> position);

  /// Driver: the newest command, if one came since the last call and the arm was not dropped.
  /// @param command [channels], written
  [[nodiscard]] bool take_command(std::span<double> command) noexcept;

  /// Driver: whether the loop has stopped streaming for good.
  [[nodiscard]] bool dropped() const noexcept { return dropped_.load(std::memory_order_acquire); }

  /// Driver, or whoever watches it: it is gone, and why. The arm is silent from now on. The first reason stays; an
  /// empty one is an ordinary end.
  void end(const std::string& reason);

 private:
  std::vector<RobotChannel> channels_;
  TripleBuffer<RobotState> states_;
  TripleBuffer<ChannelValues> commands_;
  std::int64_t newest_ns_ = 0;  // the driver's own
  bool have_state_ = false;     // the tick's own
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<bool> dropped_{false};
  std::atomic<bool> ended_{false};
  mutable std::mutex reason_mutex_;  // never taken on the tick
  std::optional<std::string> reason_;
};

}  // namespace retain
