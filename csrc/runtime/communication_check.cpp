#include "runtime/communication_check.hpp"

#include <atomic>
#include <cmath>
#include <future>

#include "error.hpp"
#include "runtime/latency_histogram.hpp"
#include "runtime/pacer.hpp"

namespace retain {

namespace {

constexpr Nanoseconds kPollNs = 50'000'000;
constexpr Nanoseconds kFirstStateNs = 2'000'000'000;

RobotState first_state(Robot& robot, MonotonicClock& clock, Nanoseconds period_ns) {
  RobotState state;
  const Nanoseconds deadline_ns = clock.now_ns() + kFirstStateNs;
  while (robot.read(clock.now_ns(), state) != RobotStatus::ok) {
    if (clock.now_ns() > deadline_ns) {
      throw DeviceError("the robot gave no state within " + std::to_string(to_s(kFirstStateNs)) +
                        " s; is it powered, released and connected?");
    }
    if (!robot.paces()) clock.sleep_until(clock.now_ns() + period_ns);
  }
  for (std::size_t c = 0; c < robot.channels().size(); ++c) {
    if (std::isfinite(state.position[c])) continue;
    throw DeviceError("the robot measures channel " + robot.channels()[c].name + " as " +
                      std::to_string(state.position[c]));
  }
  return state;
}

class ArmCheck {
 public:
  ArmCheck(Robot& robot, double rate_hz, double duration_s)
      : robot_(robot), period_ns_(to_ns(1.0 / rate_hz)), duration_ns_(to_ns(duration_s)) {}

  void run(const RealtimeRequest& realtime, const std::atomic<bool>& ending, CommunicationReport& report) {
    report.realtime = request_realtime(realtime);
    robot_.start();
    state_ = first_state(robot_, clock_, period_ns_);
    const ChannelValues where_it_stands = state_.position;
    const std::span<const double> stay(where_it_stands.data(), robot_.channels().size());
    const Nanoseconds begun_ns = clock_.now_ns();
    Pacer pacer(begun_ns, period_ns_);
    RobotStatus trouble = RobotStatus::ok;
    while (trouble == RobotStatus::ok && !ending.load(std::memory_order_acquire) &&
           clock_.now_ns() - begun_ns < duration_ns_) {
      trouble = tick(robot_.paces() ? Wake{} : pacer.wait(clock_), stay, report);
    }
    if (trouble != RobotStatus::ok) robot_.drop();
    robot_.stop();
    report.duration_s = to_s(clock_.now_ns() - begun_ns);
    report.lateness = summarize(lateness_);
    report.device = summarize(device_);
    report.state_interval = summarize(interval_);
    report.state_age = summarize(age_);
    report.counts = robot_.counts();
    if (trouble == RobotStatus::stopped)
      throw DeviceError("the robot is in a protective or emergency stop; release it");
    if (trouble == RobotStatus::rejected) throw DeviceError("the robot refused the command to stay where it stands");
  }

 private:
  RobotStatus tick(const Wake& wake, std::span<const double> stay, CommunicationReport& report) {
    const Nanoseconds former_ns = state_.time_ns;
    const Nanoseconds begun_ns = clock_.now_ns();
    const RobotStatus read = robot_.read(begun_ns, state_);
    const RobotStatus written = read == RobotStatus::stopped ? read : robot_.write(stay);
    const Nanoseconds ended_ns = clock_.now_ns();
    ++report.ticks;
    report.skipped += wake.skipped;
    if (!robot_.paces()) lateness_.record(wake.now_ns - wake.due_ns);
    device_.record(ended_ns - begun_ns);
    age_.record(begun_ns - state_.time_ns);
    if (state_.time_ns > former_ns) {
      ++report.states;
      interval_.record(state_.time_ns - former_ns);
    }
    if (written == RobotStatus::ok) ++report.commands;
    return written == RobotStatus::silent ? RobotStatus::ok : written;
  }

  Robot& robot_;
  Nanoseconds period_ns_;
  Nanoseconds duration_ns_;
  MonotonicClock clock_;
  RobotState state_;
  LatencyHistogram lateness_;
  LatencyHistogram device_;
  LatencyHistogram interval_;
  LatencyHistogram age_;
};

CameraCommunication watch(Camera& camera, const std::atomic<bool>& ending) {
  MonotonicClock clock;
  LatencyHistogram interval;
  LatencyHistogram age;
  CameraCommunication seen;
  seen.role = camera.role();
  camera.open();
  Frame frame;
  Nanoseconds former_ns = 0;
  CameraStatus status = CameraStatus::ok;
  while (status != CameraStatus::lost && !ending.load(std::memory_order_acquire)) {
    status = camera.grab(frame);
    if (status != CameraStatus::ok) continue;
    age.record(clock.now_ns() - frame.sensor_time_ns);
    if (seen.frames > 0) interval.record(frame.sensor_time_ns - former_ns);
    former_ns = frame.sensor_time_ns;
    ++seen.frames;
  }
  camera.close();
  if (status == CameraStatus::lost) throw DeviceError("camera " + seen.role + " was lost; is it still plugged in?");
  seen.interval = summarize(interval);
  seen.age = summarize(age);
  return seen;
}

}  // namespace

CommunicationReport check_communication(Robot& robot, const std::vector<std::shared_ptr<Camera>>& cameras,
                                        double rate_hz, double duration_s, const RealtimeRequest& realtime,
                                        const std::function<bool()>& interrupted) {
  if (!(rate_hz >= 1.0 && rate_hz <= 10'000.0) || !(duration_s > 0.0)) {
    throw ConfigError("expected a rate of 1 to 10000 Hz and some duration");
  }
  MonotonicClock clock;
  CommunicationReport report;
  std::atomic<bool> ending{false};
  std::vector<std::future<CameraCommunication>> watched;
  for (const std::shared_ptr<Camera>& camera : cameras) {
    watched.push_back(std::async(std::launch::async, [&ending, camera] { return watch(*camera, ending); }));
  }
  ArmCheck check(robot, rate_hz, duration_s);
  std::future<void> checked = std::async(std::launch::async, [&] { check.run(realtime, ending, report); });
  while (checked.wait_for(std::chrono::nanoseconds(kPollNs)) != std::future_status::ready) {
    if (interrupted()) ending.store(true, std::memory_order_release);
  }
  ending.store(true, std::memory_order_release);
  for (std::future<CameraCommunication>& one : watched) one.wait();
  release_realtime(report.realtime);
  checked.get();
  for (std::future<CameraCommunication>& one : watched) report.cameras.push_back(one.get());
  return report;
}

}  // namespace retain
