// Looks at every command as the robot would, and remembers whether one broke a limit.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "runtime/limits.hpp"

namespace retain::testing {

/// Independent of the limiter: it takes differences of the sequence of commands. Tolerance: rounding, 1e-12 of the
/// channel's unit per step and a millionth of the limit.
class LimitsWatch {
 public:
  LimitsWatch(std::vector<ChannelLimits> limits, double period_s) : limits_(std::move(limits)), period_s_(period_s) {}

  /// The command that the arm holds at the start, at rest.
  void start(std::span<const double> command) {
    last_.assign(command.begin(), command.end());
    step_.assign(command.size(), 0.0);
    change_.assign(command.size(), 0.0);
  }

  void see(std::span<const double> command) {
    ++seen_;
    for (std::size_t c = 0; c < limits_.size() && broken_.empty(); ++c) {
      const ChannelLimits& limit = limits_[c];
      const double step = command[c] - last_[c];
      if (!std::isfinite(command[c])) complain(c, "is not finite", command[c]);
      if (command[c] < limit.position_min || command[c] > limit.position_max)
        complain(c, "is out of bounds", command[c]);
      if (limit.interpolation == Interpolation::linear) {
        const double T = period_s_;
        const double change = step - step_[c];
        if (exceeds(step, limit.velocity * T)) complain(c, "moves too fast", step / T);
        if (exceeds(change, limit.acceleration * T * T)) complain(c, "accelerates too much", change / T / T);
        if (exceeds(change - change_[c], limit.jerk * T * T * T)) {
          complain(c, "jerks", (change - change_[c]) / T / T / T);
        }
        change_[c] = change;
      }
      last_[c] = command[c];
      step_[c] = step;
    }
  }

  [[nodiscard]] const std::string& broken() const noexcept { return broken_; }
  [[nodiscard]] std::size_t seen() const noexcept { return seen_; }

 private:
  static bool exceeds(double value, double limit) { return std::abs(value) > limit * (1.0 + 1e-6) + 1e-12; }

  void complain(std::size_t channel, const char* what, double value) {
    std::ostringstream text;
    text << "command " << seen_ << " of channel " << limits_[channel].name << ' ' << what << ": " << value;
    broken_ = text.str();
  }

  std::vector<ChannelLimits> limits_;
  double period_s_;
  std::vector<double> last_;
  std::vector<double> step_;
  std::vector<double> change_;
  std::string broken_;
  std::size_t seen_ = 0;
};

}  // namespace retain::testing
