// The interface between the control loop and an arm: what its channels are called, where they are, where they should
// go.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace retain {

/// Room for two 7-joint arms with hands and more. Fixed, so that nothing on the tick path allocates.
inline constexpr std::size_t kMaxChannels = 32;

/// One number per channel of the robot, in the robot's order; the rest of the array is unused.
using ChannelValues = std::array<double, kMaxChannels>;

/// What a robot answers on the tick, where nothing throws.
enum class RobotStatus : std::uint8_t {
  ok,
  silent,    ///< no new state; the loop's state timeout decides what that means
  rejected,  ///< the robot refused the command
  stopped,   ///< protective or emergency stop
};

/// Measured positions.
struct RobotState {
  std::int64_t time_ns = 0;  ///< when it was measured, CLOCK_MONOTONIC
  ChannelValues position{};  ///< in each channel's unit
};

struct RobotChannel {
  std::string name;
  std::string unit;
};

/// An arm that takes position commands. Belongs to the tick thread once the loop has started: no method may throw,
/// allocate, or wait longer than the device itself takes.
class Robot {
 public:
  Robot() = default;
  Robot(const Robot&) = delete;
  Robot& operator=(const Robot&) = delete;
  virtual ~Robot() = default;

  /// The channels in the order of RobotState::position and of write(). At most kMaxChannels.
  [[nodiscard]] virtual const std::vector<RobotChannel>& channels() const noexcept = 0;

  /// Reads the newest state.
  /// @param now_ns the loop's time of this tick, CLOCK_MONOTONIC
  [[nodiscard]] virtual RobotStatus read(std::int64_t now_ns, RobotState& state) noexcept = 0;

  /// Sends one command, one value per channel.
  [[nodiscard]] virtual RobotStatus write(std::span<const double> command) noexcept = 0;

  /// Stops streaming for good, so that the robot's own watchdog takes over.
  virtual void drop() noexcept = 0;
};

}  // namespace retain
