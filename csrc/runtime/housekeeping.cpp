#include "runtime/housekeeping.hpp"

#include <algorithm>
#include <string>

#include "runtime/service_notify.hpp"

namespace retain {

namespace {

constexpr Nanoseconds kPollNs = 20'000'000;
constexpr Nanoseconds kThermalIntervalNs = 100'000'000;

class ServiceTalk {
 public:
  explicit ServiceTalk(const Controller& controller) : controller_(controller), notify_(ServiceEnvironment::read()) {
    if (notify_.connected()) notify_.ready();
  }

  void look(Nanoseconds now_ns) {
    if (!notify_.connected()) return;
    tell_state();
    const std::optional<Nanoseconds> interval_ns = notify_.watchdog_interval_ns();
    if (interval_ns && now_ns >= next_watchdog_ns_) {
      notify_.watchdog(controller_.ticks());
      next_watchdog_ns_ = now_ns + *interval_ns;
    }
  }

  void tell_state() {
    const State state = controller_.state();
    if (state == told_) return;
    told_ = state;
    const Cause cause = controller_.cause();
    notify_.status(cause == Cause::none ? std::string(to_string(state))
                                        : std::string(to_string(state)) + ": " + to_string(cause));
    if (state == State::stopping) notify_.stopping();
  }

 private:
  const Controller& controller_;
  ServiceNotify notify_;
  State told_ = State::disarmed;
  Nanoseconds next_watchdog_ns_ = 0;
};

void heed(LoopParts& parts, Heat heat) {
  parts.surroundings.speed_scale.store(heat >= Heat::hot ? parts.hot_speed : 1.0, std::memory_order_relaxed);
  parts.surroundings.overheated.store(heat == Heat::critical, std::memory_order_release);
  if (heat > parts.hottest.load(std::memory_order_relaxed)) parts.hottest.store(heat, std::memory_order_relaxed);
}

}  // namespace

void run_housekeeping(std::shared_ptr<LoopParts> parts) {
  const CrashStack stack;
  ServiceTalk service(*parts->controller);
  Nanoseconds next_thermal_ns = 0;
  while (!parts->ending.load(std::memory_order_acquire)) {
    const Nanoseconds now_ns = parts->clock->now_ns();
    if (parts->thermal->zones() > 0 && now_ns >= next_thermal_ns) {
      heed(*parts, parts->thermal->read().level);
      next_thermal_ns = now_ns + kThermalIntervalNs;
    }
    service.look(now_ns);
    parts->clock->sleep_until(now_ns + kPollNs);
  }
  service.look(parts->clock->now_ns());
}

}  // namespace retain
