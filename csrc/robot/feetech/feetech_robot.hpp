// An arm of Feetech serial servos, such as SO-100 and SO-101: one sync read and one sync write per tick.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "robot/feetech/bus.hpp"
#include "robot/feetech/calibration.hpp"
#include "robot/robot.hpp"

namespace retain::feetech {

struct FeetechConfig {
  std::string port;
  std::vector<Motor> motors;  ///< in the order of the channels
  int baud_rate = 1'000'000;
  /// What a read may take beyond its bytes' time on the wire. Whoever doesn't answer by then is not waited for.
  double margin_s = 2e-3;
  /// A position that was reached faster is no measurement. An STS3215 makes 0.75 turns a second without load, an
  /// STS3250 1.25.
  double max_counts_per_s = 2.0 * kCountsPerTurn;
  bool torque_off_at_stop = false;  ///< the arm falls if nothing carries it
};

/// What the servos said that cannot be, or must not go on.
struct ServoCounts {
  std::uint64_t impossible = 0;   ///< positions outside 0 … 4095
  std::uint64_t implausible = 0;  ///< positions farther from the last than a servo can turn
  std::uint64_t voltage = 0;
  std::uint64_t sensor = 0;
  std::uint64_t temperature = 0;
  std::uint64_t current = 0;
  std::uint64_t overload = 0;
  std::uint64_t not_finite = 0;  ///< commands that were refused
  std::uint64_t clamped = 0;     ///< goals that were brought back into their range
};

class FeetechRobot final : public Robot {
 public:
  /// Opens nothing yet.
  /// @throw ConfigError if the motors make no arm
  explicit FeetechRobot(FeetechConfig config);

  [[nodiscard]] const std::vector<RobotChannel>& channels() const noexcept override { return channels_; }

  /// Opens the port, checks the servos against the calibration, lets them hold where they stand. Clears what stopped
  /// the last run.
  void start() override;

  /// The servos hold their last goal, torque on, unless torque_off_at_stop.
  void stop() noexcept override;

  /// Waits for the servos' answers, at most their time on the wire and the margin. A servo that doesn't answer, or
  /// says what cannot be, keeps its former value and its former time, and state.time_ns is that of the oldest. `silent`
  /// when none answered. `stopped` from three answers of a servo in a row on that
  /// tell of overload, overheating, overcurrent or an encoder error: the servo has
  /// then let go or will.
  [[nodiscard]] RobotStatus read(std::int64_t now_ns, RobotState& state) noexcept override;

  /// Sends the goals, each once more clamped into its range; nothing if one is not finite.
  [[nodiscard]] RobotStatus write(std::span<const double> command) noexcept override;

  /// The servos have no watchdog: they go to the last goal they got and hold it.
  void drop() noexcept override { streaming_ = false; }

  [[nodiscard]] std::vector<RobotCount> counts() const override;

 private:
  struct Measured {
    int counts = 0;
    std::int64_t time_ns = 0;              // when it was asked for
    std::optional<std::int64_t> asked_ns;  // the oldest question since then that has had no answer
    // An answer that was cut off and joined to the next one passes the 8-bit checksum now and then. What stops the arm
    // is therefore believed only when it stands in three answers of a servo in a row.
    std::array<double, 3> temperatures_c{std::numeric_limits<double>::quiet_NaN(),
                                         std::numeric_limits<double>::quiet_NaN(),
                                         std::numeric_limits<double>::quiet_NaN()};
    std::size_t answers = 0;
    std::size_t stopping_errors = 0;  // in a row
    double load = std::numeric_limits<double>::quiet_NaN();
  };

  [[nodiscard]] bool take(Measured& measured, const Present& present, std::int64_t received_ns) noexcept;
  void note_errors(std::uint8_t error, Measured& measured) noexcept;
  void publish(RobotState& state) const noexcept;

  FeetechConfig config_;
  std::vector<RobotChannel> channels_;
  std::vector<std::uint8_t> ids_;
  std::vector<Measured> measured_;
  std::vector<Present> present_;
  std::array<std::uint16_t, kMaxChannels> goals_{};
  std::optional<Bus> bus_;
  BusCounts bus_counts_;  // of the last run, after stop()
  ServoCounts counts_;
  bool streaming_ = false;
  bool stopped_ = false;
};

}  // namespace retain::feetech
