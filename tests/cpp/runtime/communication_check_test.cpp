#include "runtime/communication_check.hpp"

#include <doctest.h>

#include <atomic>
#include <limits>
#include <thread>
#include <vector>

#include "camera/slot_camera.hpp"
#include "error.hpp"
#include "robot/slot_robot.hpp"
#include "runtime/clock.hpp"

using namespace retain;

namespace {

const RealtimeRequest kNormalClass{.priority = {}, .cpu = {}, .lock_memory = false};

const std::vector<RobotChannel> kOneJoint{{"a", "rad"}};

bool never() { return false; }

/// An arm that stands where it was told to, and a camera, both driven from one thread.
class Driver {
 public:
  Driver() : thread_([this] { drive(); }) {}
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;
  ~Driver() {
    ending_.store(true);
    thread_.join();
  }

  SlotRobot robot{{{"a", "rad"}, {"b", "rad"}}};
  std::shared_ptr<SlotCamera> camera = std::make_shared<SlotCamera>("front", 2, 2);
  std::atomic<bool> moved{false};

 private:
  void drive() {
    MonotonicClock clock;
    std::vector<double> command(2);
    const std::vector<double> position{0.25, -0.5};
    const std::vector<std::uint8_t> picture(12);
    while (!ending_.load()) {
      robot.push_state(clock.now_ns(), position);
      camera->push(clock.now_ns(), picture);
      if (robot.take_command(command) && command != position) moved.store(true);
      clock.sleep_until(clock.now_ns() + 5'000'000);
    }
  }

  std::atomic<bool> ending_{false};
  std::thread thread_;
};

}  // namespace

TEST_CASE("the check counts states, commands and frames, and moves nothing") {
  Driver driver;
  const CommunicationReport report =
      check_communication(driver.robot, {driver.camera}, 200.0, 0.5, kNormalClass, never);
  CHECK(report.ticks > 0);
  CHECK(report.commands == report.ticks);
  CHECK(report.states > 0);
  CHECK(report.state_age.count == report.ticks);
  CHECK(report.cameras.at(0).role == "front");
  CHECK(report.cameras[0].frames > 0);
  CHECK(report.cameras[0].interval.count + 1 == report.cameras[0].frames);
  CHECK_FALSE(driver.moved.load());
}

TEST_CASE("whoever asks for it to end is heard") {
  Driver driver;
  int asked = 0;
  const CommunicationReport report =
      check_communication(driver.robot, {}, 200.0, 3600.0, kNormalClass, [&] { return ++asked == 2; });
  CHECK(asked >= 2);
  CHECK(report.duration_s < 3600.0);
}

TEST_CASE("devices in trouble are told in a sentence, and all threads have ended") {
  SlotRobot mute(kOneJoint);
  CHECK_THROWS_WITH_AS((void)check_communication(mute, {}, 200.0, 1.0, kNormalClass, never),
                       doctest::Contains("gave no state"), DeviceError);
  SlotRobot broken(kOneJoint);
  broken.push_state(1, std::vector{std::numeric_limits<double>::quiet_NaN()});
  CHECK_THROWS_WITH_AS((void)check_communication(broken, {}, 200.0, 1.0, kNormalClass, never),
                       doctest::Contains("channel a as nan"), DeviceError);
  Driver driver;
  driver.camera->end("unplugged");
  CHECK_THROWS_WITH_AS((void)check_communication(driver.robot, {driver.camera}, 200.0, 0.2, kNormalClass, never),
                       doctest::Contains("unplugged"), DeviceError);
  driver.robot.drop();
  CHECK_THROWS_WITH_AS((void)check_communication(driver.robot, {}, 200.0, 0.2, kNormalClass, never),
                       doctest::Contains("was dropped"), DeviceError);
  CHECK_THROWS_AS((void)check_communication(driver.robot, {}, 0.0, 1.0, kNormalClass, never), ConfigError);
}

TEST_CASE("an arm that refuses to stay where it stands is dropped") {
  class Refusing final : public Robot {
   public:
    [[nodiscard]] const std::vector<RobotChannel>& channels() const noexcept override { return channels_; }
    [[nodiscard]] RobotStatus read(std::int64_t now_ns, RobotState& state) noexcept override {
      state.time_ns = now_ns;
      return RobotStatus::ok;
    }
    [[nodiscard]] RobotStatus write(std::span<const double>) noexcept override { return RobotStatus::rejected; }
    void drop() noexcept override { dropped = true; }
    bool dropped = false;

   private:
    std::vector<RobotChannel> channels_{{"a", "rad"}};
  };
  Refusing robot;
  CHECK_THROWS_WITH_AS((void)check_communication(robot, {}, 200.0, 1.0, kNormalClass, never),
                       doctest::Contains("refused the command to stay"), DeviceError);
  CHECK(robot.dropped);
}
