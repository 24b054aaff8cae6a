#include "robot/feetech/emulated_bus.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <stdexcept>

#include "robot/feetech/serial_port.hpp"

namespace retain::feetech::testing {

namespace {

// Its own arithmetic, not the driver's: the two must agree by the protocol alone.
std::uint8_t sum_of(const Bytes& packet) {
  int sum = 0;
  for (std::size_t i = 2; i < packet.size(); ++i) sum += packet[i];
  return static_cast<std::uint8_t>(~sum & 0xFF);
}

Bytes status(std::uint8_t id, std::uint8_t error, const std::uint8_t* values, std::size_t count) {
  Bytes packet{0xFF, 0xFF, id, static_cast<std::uint8_t>(count + 2), error};
  for (std::size_t i = 0; i < count; ++i) packet.push_back(values[i]);
  packet.push_back(sum_of(packet));
  return packet;
}

int encode_sign(int value, int bit) { return value < 0 ? (-value | 1 << bit) : value; }

}  // namespace

int EmulatedServo::word(std::size_t address) const { return registers[address] | registers[address + 1] << 8; }

void EmulatedServo::set_word(std::size_t address, int value) {
  registers[address] = static_cast<std::uint8_t>(value & 0xFF);
  registers[address + 1] = static_cast<std::uint8_t>(value >> 8 & 0xFF);
}

EmulatedBus::EmulatedBus(const std::vector<Motor>& motors) {
  for (const Motor& motor : motors) {
    EmulatedServo& servo = servos_[motor.id];
    servo.motor = motor;
    servo.set_word(3, 777);
    servo.registers[5] = motor.id;
    servo.set_word(9, motor.range_min);
    servo.set_word(11, motor.range_max);
    servo.set_word(31, encode_sign(motor.homing_offset, 11));
    servo.set_word(42, 0);
    servo.set_word(56, (motor.range_min + motor.range_max) / 2);
    servo.registers[62] = 74;
    servo.registers[63] = 30;
  }
  std::string name = (std::filesystem::temp_directory_path() / "retain-feetech-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
  directory_ = name;
  path_ = directory_ + "/port";
  open();
}

EmulatedBus::~EmulatedBus() {
  unplug();
  std::filesystem::remove_all(directory_);
}

void EmulatedBus::open() {
  std::array<char, 128> name{};
  termios raw{};
  cfmakeraw(&raw);
  // The slave stays open here, so that the master lives on while the driver has the port closed.
  if (openpty(&master_, &slave_, name.data(), &raw, nullptr) != 0) throw std::runtime_error("no pty");
  fcntl(master_, F_SETFL, O_NONBLOCK);
  std::filesystem::remove(path_);
  std::filesystem::create_symlink(name.data(), path_);
  stop_ = false;
  thread_ = std::thread([this] { run(); });
}

void EmulatedBus::unplug() {
  if (!thread_.joinable()) return;
  stop_ = true;
  thread_.join();
  close(master_);
  close(slave_);
  std::filesystem::remove(path_);
}

void EmulatedBus::replug() {
  input_.clear();
  late_.clear();
  open();
}

void EmulatedBus::with(std::uint8_t id, const std::function<void(EmulatedServo&)>& act) {
  const std::lock_guard lock(mutex_);
  act(servos_.at(id));
}

void EmulatedBus::with_all(const std::function<void(EmulatedServo&)>& act) {
  const std::lock_guard lock(mutex_);
  for (auto& [id, servo] : servos_) act(servo);
}

void EmulatedBus::set_faults(const Faults& faults) {
  const std::lock_guard lock(mutex_);
  if (faults.seed != faults_.seed) random_.seed(faults.seed);
  faults_ = faults;
}

void EmulatedBus::run() {
  std::array<std::uint8_t, 512> bytes{};
  const Bytes noise(64, 0xFF);
  while (!stop_) {
    if (babble_) (void)!::write(master_, noise.data(), noise.size());
    pollfd ready{.fd = master_, .events = POLLIN, .revents = 0};
    if (poll(&ready, 1, babble_ ? 0 : 5) <= 0) continue;
    const ssize_t got = read(master_, bytes.data(), bytes.size());
    if (got > 0) take(bytes.data(), static_cast<std::size_t>(got));
  }
}

void EmulatedBus::take(const std::uint8_t* bytes, std::size_t count) {
  const std::int64_t came_ns = monotonic_ns();
  if (echo_) (void)!::write(master_, bytes, count);
  input_.insert(input_.end(), bytes, bytes + count);
  std::size_t i = 0;
  while (i + 6 <= input_.size()) {
    const std::size_t whole = input_[i + 3] + std::size_t{4};
    if (input_[i] != 0xFF || input_[i + 1] != 0xFF || input_[i + 2] == 0xFF || whole < 6) {
      ++i;
      continue;
    }
    if (i + whole > input_.size()) break;
    Bytes packet(input_.begin() + static_cast<std::ptrdiff_t>(i),
                 input_.begin() + static_cast<std::ptrdiff_t>(i + whole));
    const std::uint8_t said = packet.back();
    packet.pop_back();
    if (said == sum_of(packet)) {
      handle(packet, came_ns);
      i += whole;
    } else {
      ++i;
    }
  }
  input_.erase(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(i));
}

void EmulatedBus::handle(const Bytes& packet, std::int64_t came_ns) {
  Bytes answer;
  {
    const std::lock_guard lock(mutex_);
    const std::uint8_t id = packet[2];
    const auto servo = servos_.find(id);
    const bool hears = servo != servos_.end() && !servo->second.mute;
    const std::uint8_t* parameters = packet.data() + 5;
    const std::size_t count = packet.size() - 5;
    switch (packet[4]) {
      case 0x02:
        if (hears) answer = status(id, servo->second.error, &servo->second.registers[parameters[0]], parameters[1]);
        break;
      case 0x03:
        write_registers(id, parameters[0], parameters + 1, count - 1);
        if (hears) answer = status(id, servo->second.error, nullptr, 0);
        break;
      case 0x83:
        for (std::size_t i = 2; i + parameters[1] < count; i += parameters[1] + std::size_t{1}) {
          write_registers(parameters[i], parameters[0], parameters + i + 1, parameters[1]);
        }
        break;
      case 0x82:
        answer = sync_read(packet);
        break;
      default:
        break;
    }
  }
  send(answer, came_ns + byte_ns_ * static_cast<std::int64_t>(packet.size() + 1));
}

void EmulatedBus::write_registers(std::uint8_t id, std::size_t address, const std::uint8_t* values, std::size_t count) {
  const auto found = servos_.find(id);
  if (found == servos_.end() || found->second.mute) return;
  EmulatedServo& servo = found->second;
  if (address == 40 && values[0] == 1 && servo.registers[40] == 0) {
    const int stands = std::clamp(servo.word(56), servo.motor.range_min, servo.motor.range_max);
    servo.goal_was_here_when_torque_came = servo.word(42) == stands;
  }
  std::copy_n(values, count, servo.registers.begin() + static_cast<std::ptrdiff_t>(address));
  if (address == 42) {
    ++servo.goals;
    const int goal = servo.word(42);
    if (goal < servo.motor.range_min || goal > servo.motor.range_max) ++servo.goals_outside;
  }
}

Bytes EmulatedBus::sync_read(const Bytes& packet) {
  const std::size_t address = packet[5];
  const std::size_t count = packet[6];
  std::vector<Bytes> answers;
  for (std::size_t i = 7; i < packet.size(); ++i) {
    const auto found = servos_.find(packet[i]);
    if (found == servos_.end() || found->second.mute) continue;
    EmulatedServo& servo = found->second;
    const int here = servo.word(56);
    if (servo.registers[40] == 1) {
      servo.set_word(56, here + std::clamp(servo.word(42) - here, -step_.load(), step_.load()));
    }
    servo.shown_ns[static_cast<std::size_t>(servo.word(56) & 0xFFF)] = monotonic_ns();
    answers.push_back(status(packet[i], servo.error, &servo.registers[address], count));
  }
  return spoil(std::move(answers));
}

// At most one packet with another servo's id and no other fault in that round: a servo that answers in the place of one
// that is silent cannot be told from it.
Bytes EmulatedBus::spoil(std::vector<Bytes> answers) {
  std::vector<Bytes> line;
  line.swap(late_);
  const bool impostor = answers.size() > 1 && std::uniform_real_distribution<>()(random_) < faults_.rate / 8.0;
  if (impostor) {
    Bytes& packet = answers[static_cast<std::size_t>(draw(static_cast<int>(answers.size())))];
    Bytes& other = answers[static_cast<std::size_t>(draw(static_cast<int>(answers.size())))];
    if (&packet != &other) {
      Bytes copy = packet;
      copy[2] = other[2];
      copy.pop_back();
      copy.push_back(sum_of(copy));
      line.push_back(copy);
      ++faulty_;
    }
  }
  for (Bytes& packet : answers) {
    if (impostor || std::uniform_real_distribution<>()(random_) >= faults_.rate) {
      line.push_back(packet);
      continue;
    }
    ++faulty_;
    const auto any = static_cast<std::size_t>(draw(static_cast<int>(packet.size())));
    switch (draw(7)) {
      case 0:  // dropped
        break;
      case 1:  // one byte wrong, or several
        for (int k = faults_.bursts ? 2 + draw(4) : 1; k > 0; --k) {
          packet[faults_.bursts ? static_cast<std::size_t>(draw(static_cast<int>(packet.size()))) : any] ^=
              static_cast<std::uint8_t>(1 + draw(255));
        }
        line.push_back(packet);
        break;
      case 2:  // cut off
        packet.resize(any);
        line.push_back(packet);
        break;
      case 3:  // comes in the next round
        late_.push_back(packet);
        break;
      case 4:  // comes twice
        line.push_back(packet);
        line.push_back(packet);
        break;
      case 5:  // changes places with the one before
        line.push_back(packet);
        if (line.size() > 1) std::swap(line[line.size() - 1], line[line.size() - 2]);
        break;
      default:  // of a servo that nobody asked, then garbage
        packet[2] = 200;
        packet.pop_back();
        packet.push_back(sum_of(packet));
        line.push_back(packet);
        line.emplace_back();
        for (int k = draw(20); k > 0; --k)
          line.back().push_back(static_cast<std::uint8_t>(draw(2) == 0 ? 0xFF : draw(256)));
        break;
    }
  }
  // An adapter that stalls hands everything over afterwards, in order.
  if (stalled_ == 0 && std::uniform_real_distribution<>()(random_) < faults_.rate / 10.0) stalled_ = 1 + draw(5);
  if (stalled_ > 0 && --stalled_ > 0) {
    late_.insert(late_.begin(), line.begin(), line.end());
    return {};
  }
  Bytes all;
  for (const Bytes& packet : line) all.insert(all.end(), packet.begin(), packet.end());
  return all;
}

void EmulatedBus::send(const Bytes& bytes, std::int64_t came_ns) {
  if (bytes.empty()) return;
  const std::int64_t due_ns = came_ns + byte_ns_ * static_cast<std::int64_t>(bytes.size());
  const timespec due{.tv_sec = due_ns / 1'000'000'000, .tv_nsec = due_ns % 1'000'000'000};
  if (byte_ns_ > 0) clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, nullptr);
  (void)!::write(master_, bytes.data(), bytes.size());
}

int EmulatedBus::draw(int below) { return std::uniform_int_distribution<>(0, below - 1)(random_); }

std::vector<Motor> so101_motors() {
  return {
      {"shoulder_pan", 1, Unit::radians, 0, -1012, 750, 3300}, {"shoulder_lift", 2, Unit::radians, 0, 1365, 812, 3201},
      {"elbow_flex", 3, Unit::radians, 0, -2047, 901, 3110},   {"wrist_flex", 4, Unit::radians, 1, 2047, 843, 3217},
      {"wrist_roll", 5, Unit::radians, 0, 0, 0, 4095},         {"gripper", 6, Unit::ratio, 0, -7, 2032, 3480}};
}

}  // namespace retain::feetech::testing
