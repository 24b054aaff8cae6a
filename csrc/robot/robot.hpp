// The interface between the control loop and an arm: what its channels are called, where they are, where they should
// go.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
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

/// What a robot measures.
struct RobotState {
  std::int64_t time_ns = 0;  ///< when it was measured, CLOCK_MONOTONIC; of the oldest channel where they differ
  ChannelValues position{};  ///< in each channel's unit
  double temperature_c = std::numeric_limits<double>::quiet_NaN();  ///< of the hottest motor; NaN: the robot can't say
  double load =
      std::numeric_limits<double>::quiet_NaN();  ///< of the most loaded motor, 1 is its rated load; NaN: can't
};

struct RobotChannel {
  std::string name;
  std::string unit;
};

/// Trouble that a robot counted, for the report: "checksum errors", 3.
struct RobotCount {
  std::string what;
  std::uint64_t count = 0;
};

/// An arm that takes position commands. Belongs to the tick thread from start() to stop(). Between the two no method
/// may throw, allocate, or wait longer than the device itself takes.
class Robot {
 public:
  Robot() = default;
  Robot(const Robot&) = delete;
  Robot& operator=(const Robot&) = delete;
  virtual ~Robot() = default;

  /// The channels in the order of RobotState::position and of write(). At most kMaxChannels.
  [[nodiscard]] virtual const std::vector<RobotChannel>& channels() const noexcept = 0;

  /// Gets the device ready to be driven where it stands: opens it, checks who answers, lets the motors hold. Takes what
  /// time it needs. A robot can be started again after stop().
  /// @throw DeviceError with what was found and what mends it
  virtual void start() {}

  /// Lets go of the device after the last command. The arm keeps its position where the device can.
  virtual void stop() noexcept {}

  /// Whether read() waits for the robot's own next cycle: then the robot is the loop's clock, and the loop does not
  /// sleep.
  [[nodiscard]] virtual bool paces() const noexcept { return false; }

  /// Reads the newest state. Channels that were not measured keep their former values.
  /// @param now_ns the loop's time of this tick, CLOCK_MONOTONIC
  [[nodiscard]] virtual RobotStatus read(std::int64_t now_ns, RobotState& state) noexcept = 0;

  /// Sends one command, one value per channel.
  [[nodiscard]] virtual RobotStatus write(std::span<const double> command) noexcept = 0;

  /// Stops streaming for good, so that the robot's own watchdog takes over.
  virtual void drop() noexcept = 0;

  /// Where the tool would stand if the channels stood at `position`, for the workspace box.
  /// @param xyz_m [m] in the robot's base frame, written
  /// @return false where the robot's kinematics are not known
  [[nodiscard]] virtual bool tool_position(std::span<const double> /*position*/,
                                           std::array<double, 3>& /*xyz_m*/) noexcept {
    return false;
  }

  /// What went wrong on the way to the device, for the report. After stop().
  [[nodiscard]] virtual std::vector<RobotCount> counts() const { return {}; }
};

}  // namespace retain
