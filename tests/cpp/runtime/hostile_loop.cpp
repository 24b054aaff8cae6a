// The whole loop against hostile policies, under a virtual clock: no command may ever break a limit.
//
//     retain_hostile_loop [FIRST_SEED [COUNT]]
//
// Each seed draws a strategy, delays of 0 to 2·H rows, lost frames, stolen ticks, and chunks that are noise, jump
// between the bounds, hold any bit pattern, or are absurdly large. A seed that fails is printed, and reproduces the
// failure.
#include <array>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>

#include "runtime/rig.hpp"

using namespace retain;
using namespace retain::testing;

namespace {

constexpr double kRun_s = 12.0;

struct Seen {
  std::size_t commands = 0;
  std::string broken;
};

Seen run(std::uint64_t seed) {
  auto random = std::make_shared<std::mt19937_64>(seed);
  Scenario scenario;
  scenario.strategy = static_cast<Strategy>(seed % 5);
  scenario.overlap_share = seed % 7 == 0 ? 0.7 : 1.0;
  scenario.delta = seed % 2 == 0;
  scenario.rate_hz = seed % 4 == 0 ? 100.0 : 500.0;
  scenario.attended = seed % 2 == 1;
  if (seed % 3 == 0) scenario.workspace = Workspace{{-0.5, -0.5, -1.0}, {0.5, 0.5, 1.0}};
  scenario.hold_timeout_s = seed % 11 == 0 ? 0.2 : 5.0;
  scenario.inference_timeout_s = 10.0;
  scenario.delay_s = [random](std::uint64_t) { return 0.001 * static_cast<double>((*random)() % 3200); };
  scenario.camera_works = [random](double) { return (*random)() % 4 != 0; };
  scenario.lost_periods = [random](double) { return (*random)() % 200 == 0 ? (*random)() % 30 : 0U; };
  Rig rig(scenario, [random](std::uint64_t, std::span<const float> state, std::span<float> chunk) {
    const std::uint64_t kind = (*random)() % 6;
    for (std::size_t i = 0; i < chunk.size(); ++i) {
      switch (kind) {
        case 0:
          chunk[i] = static_cast<float>(static_cast<double>((*random)() % 2000) / 500.0 - 2.0);
          break;
        case 1:
          chunk[i] = (*random)() % 40 == 0 ? std::bit_cast<float>(static_cast<std::uint32_t>((*random)())) : 0.0F;
          break;
        case 2:
          chunk[i] = i / 3 % 2 == 0 ? 1e30F : -1e30F;
          break;
        default:
          chunk[i] = state[i % 3] + 0.05F * static_cast<float>(i / 3);
      }
    }
  });
  std::string outside;
  rig.run_until(kRun_s, [&](double) {
    const std::array<double, 3> tool_m{rig.robot.position()[0], rig.robot.position()[1], 0.0};
    if (scenario.workspace && !scenario.workspace->holds(tool_m)) outside = "the tool left the workspace";
    // The world is not kind either, and the operator re-arms whatever stopped.
    if ((*random)() % 800 == 0) rig.surroundings.cameras_lost.store(static_cast<int>((*random)() % 2));
    if ((*random)() % 800 == 0) rig.surroundings.speed_scale.store(0.01 * static_cast<double>((*random)() % 101));
    if ((*random)() % 100 == 0) rig.requests.rearm.store(true);
  });
  return {rig.robot.watch().seen(), outside + rig.robot.watch().broken()};
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t first = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 0;
  const std::uint64_t count = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 120;
  std::size_t commands = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    const Seen seen = run(seed);
    commands += seen.commands;
    if (!seen.broken.empty()) {
      std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), seen.broken.c_str());
      return 1;
    }
  }
  std::printf("%zu commands of %llu seeds from %llu on, none outside a limit\n", commands,
              static_cast<unsigned long long>(count), static_cast<unsigned long long>(first));
  return commands > count * 500 ? 0 : 1;
}
