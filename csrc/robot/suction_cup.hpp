// A suction cup in MuJoCo: a weld that closes when the cup is on top of a block and suction is commanded.
#pragma once

#include <string>
#include <vector>

#include "mujoco/simulation.hpp"

namespace retain {

/// The rule's parameters by name; the same as retain.sim.suction.SuctionSpec.
struct SuctionSpec {
  std::string cup_site;
  std::string cup_body;
  std::vector<std::string> block_bodies;  ///< what can be picked up, in order of preference
  std::vector<std::string> welds;         ///< one equality constraint per block body
  double radial_reach_m = 0.0;            ///< horizontal distance of cup and block centre
  double axial_reach_m = 0.0;             ///< vertical distance of cup and block top
  double block_half_m = 0.0;
};

/// The rule of retain.sim.suction, step by step the same, so that both simulations agree.
class SuctionCup {
 public:
  /// @throw DeviceError if the scene lacks one of the names
  SuctionCup(const SuctionSpec& spec, mujoco::Simulation& simulation);

  /// To be called immediately before every physics step.
  void apply(bool on) noexcept;

 private:
  struct Block {
    int body = 0;
    int weld = 0;
  };

  [[nodiscard]] bool within_reach(const Block& block) const noexcept;
  void grip(const Block& block) noexcept;

  mujoco::Simulation& simulation_;
  int site_;
  int cup_;
  std::vector<Block> blocks_;
  double radial_reach_m_;
  double axial_reach_m_;
  double block_half_m_;
};

}  // namespace retain
