#include "robot/feetech/feetech_robot.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "error.hpp"
#include "robot/feetech/startup.hpp"

namespace retain::feetech {

namespace {

/// A resting servo's position flickers by a count or two; a gear's play is a few more.
constexpr double kNoiseCounts = 16.0;
constexpr std::uint8_t kStoppingErrors = kSensorError | kTemperatureError | kCurrentError | kOverloadError;
constexpr double kNotMeasured = std::numeric_limits<double>::quiet_NaN();
/// A servo's answer at the start may take longer than on the tick: nothing waits for it yet.
constexpr std::int64_t kStartMarginNs = 20'000'000;

// The encoder goes round: from 4095 to 0 is one step, not a jump.
int distance_on_circle(int a, int b) noexcept {
  const int apart = std::abs(a - b);
  return std::min(apart, kCountsPerTurn - apart);
}

}  // namespace

FeetechRobot::FeetechRobot(FeetechConfig config) : config_(std::move(config)) {
  check_motors(config_.motors);
  if (!(config_.margin_s > 0.0) || !(config_.margin_s <= 1.0)) {
    throw ConfigError("a margin of " + std::to_string(config_.margin_s) +
                      " s for the servos' answers; expected more than 0 and at most 1");
  }
  if (!(config_.max_counts_per_s > 0.0)) throw ConfigError("the servos' highest speed must be above 0");
  for (const Motor& motor : config_.motors) {
    channels_.push_back({motor.name, motor.unit == Unit::radians ? "rad" : "1"});
    ids_.push_back(motor.id);
  }
  measured_.resize(ids_.size());
  present_.resize(ids_.size());
}

void FeetechRobot::start() {
  stop();
  Bus bus(SerialPort(config_.port, config_.baud_rate), kStartMarginNs);
  check_servos(bus, config_.motors, config_.port);
  const std::vector<int> positions = hold_in_place(bus, config_.motors);
  bus.set_margin(std::llround(config_.margin_s * 1e9));
  bus_.emplace(std::move(bus));
  const std::int64_t now_ns = monotonic_ns();
  for (std::size_t i = 0; i < ids_.size(); ++i) {
    measured_[i] = Measured();
    measured_[i].counts = positions[i];
    measured_[i].time_ns = now_ns;
  }
  counts_ = {};
  bus_counts_ = {};
  stopped_ = false;
  streaming_ = true;
}

void FeetechRobot::stop() noexcept {
  if (!bus_) return;
  if (config_.torque_off_at_stop) {
    const std::array<std::uint8_t, kMaxChannels> off{};
    (void)bus_->sync_write_bytes(ids_, kTorqueEnable, {off.data(), ids_.size()});
  }
  bus_counts_ = bus_->counts();
  bus_.reset();
  streaming_ = false;
}

RobotStatus FeetechRobot::read(std::int64_t now_ns, RobotState& state) noexcept {
  if (!bus_) return RobotStatus::silent;
  // An answer that comes after a gap may belong to any question in the gap: it is taken to be as old as it can be.
  for (Measured& measured : measured_) measured.asked_ns = measured.asked_ns.value_or(now_ns);
  bus_->read_present(ids_, present_);
  const std::int64_t received_ns = monotonic_ns();
  bool fresh = false;
  for (std::size_t i = 0; i < ids_.size(); ++i) {
    if (present_[i].answered && take(measured_[i], present_[i], received_ns)) fresh = true;
  }
  publish(state);
  if (stopped_) return RobotStatus::stopped;
  return fresh ? RobotStatus::ok : RobotStatus::silent;
}

RobotStatus FeetechRobot::write(std::span<const double> command) noexcept {
  if (!streaming_ || command.size() != ids_.size()) return RobotStatus::rejected;
  if (stopped_) return RobotStatus::stopped;
  for (const double value : command) {
    if (!std::isfinite(value)) {
      ++counts_.not_finite;
      return RobotStatus::rejected;
    }
  }
  for (std::size_t i = 0; i < ids_.size(); ++i) {
    const Motor& motor = config_.motors[i];
    if (outside_range(motor, command[i])) ++counts_.clamped;
    goals_[i] = static_cast<std::uint16_t>(to_counts(motor, command[i]));
  }
  const bool sent = bus_->sync_write_words(ids_, kGoalPosition, {goals_.data(), ids_.size()});
  return sent ? RobotStatus::ok : RobotStatus::silent;
}

std::vector<RobotCount> FeetechRobot::counts() const {
  const BusCounts bus = bus_ ? bus_->counts() : bus_counts_;
  return {{"answers missing", bus.missing},
          {"checksum errors", bus.checksum_errors},
          {"answers of servos that were not asked", bus.wrong_ids},
          {"rounds with answers out of order", bus.out_of_order},
          {"packets not sent", bus.unsent},
          {"impossible positions", counts_.impossible},
          {"implausible jumps", counts_.implausible},
          {"voltage errors", counts_.voltage},
          {"encoder errors", counts_.sensor},
          {"overheating errors", counts_.temperature},
          {"overcurrent errors", counts_.current},
          {"overload errors", counts_.overload},
          {"commands not finite", counts_.not_finite},
          {"goals clamped into their range", counts_.clamped}};
}

bool FeetechRobot::take(Measured& measured, const Present& present, std::int64_t received_ns) noexcept {
  note_errors(present.error, measured);
  const int counts = decode_sign_magnitude(word_at(present.registers, 0), kPositionSignBit);
  if (counts < 0 || counts >= kCountsPerTurn) {
    ++counts_.impossible;
    return false;
  }
  const double elapsed_s = static_cast<double>(received_ns - measured.time_ns) * 1e-9;
  if (distance_on_circle(counts, measured.counts) > config_.max_counts_per_s * elapsed_s + kNoiseCounts) {
    ++counts_.implausible;
    return false;
  }
  measured.counts = counts;
  measured.time_ns = *measured.asked_ns;
  measured.asked_ns.reset();
  measured.load =
      std::abs(decode_sign_magnitude(word_at(present.registers, kLoadInPresent), kLoadSignBit)) * kLoadPerUnit;
  measured.temperatures_c[measured.answers++ % measured.temperatures_c.size()] =
      present.registers[kTemperatureInPresent];
  return true;
}

void FeetechRobot::note_errors(std::uint8_t error, Measured& measured) noexcept {
  counts_.voltage += (error & kVoltageError) != 0 ? 1 : 0;
  counts_.sensor += (error & kSensorError) != 0 ? 1 : 0;
  counts_.temperature += (error & kTemperatureError) != 0 ? 1 : 0;
  counts_.current += (error & kCurrentError) != 0 ? 1 : 0;
  counts_.overload += (error & kOverloadError) != 0 ? 1 : 0;
  measured.stopping_errors = (error & kStoppingErrors) != 0 ? measured.stopping_errors + 1 : 0;
  if (measured.stopping_errors >= measured.temperatures_c.size()) stopped_ = true;
}

void FeetechRobot::publish(RobotState& state) const noexcept {
  state.time_ns = std::numeric_limits<std::int64_t>::max();
  state.temperature_c = state.load = kNotMeasured;
  for (std::size_t i = 0; i < measured_.size(); ++i) {
    const Measured& measured = measured_[i];
    state.position[i] = to_unit(config_.motors[i], measured.counts);
    state.time_ns = std::min(state.time_ns, measured.time_ns);
    // fmax() passes over a NaN.
    const auto& [first, second, third] = measured.temperatures_c;
    state.temperature_c = std::fmax(state.temperature_c, std::fmin(std::fmin(first, second), third));
    state.load = std::fmax(state.load, measured.load);
  }
}

}  // namespace retain::feetech
