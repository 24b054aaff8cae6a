#include "robot/suction_cup.hpp"

#include <algorithm>
#include <cmath>

#include "error.hpp"

namespace retain {

SuctionCup::SuctionCup(const SuctionSpec& spec, mujoco::Simulation& simulation)
    : simulation_(simulation),
      site_(simulation.id(mjOBJ_SITE, spec.cup_site, "site")),
      cup_(simulation.id(mjOBJ_BODY, spec.cup_body, "body")),
      radial_reach_m_(spec.radial_reach_m),
      axial_reach_m_(spec.axial_reach_m),
      block_half_m_(spec.block_half_m) {
  if (spec.block_bodies.size() != spec.welds.size()) {
    throw DeviceError("the suction cup needs one weld per block; it has " + std::to_string(spec.welds.size()) +
                      " for " + std::to_string(spec.block_bodies.size()));
  }
  for (std::size_t i = 0; i < spec.welds.size(); ++i) {
    blocks_.push_back({simulation.id(mjOBJ_BODY, spec.block_bodies[i], "body"),
                       simulation.id(mjOBJ_EQUALITY, spec.welds[i], "equality constraint")});
  }
}

void SuctionCup::apply(bool on) noexcept {
  mjData& data = simulation_.data();
  const auto held = [&](const Block& block) { return data.eq_active[block.weld] != 0; };
  if (!on) {
    for (const Block& block : blocks_) data.eq_active[block.weld] = 0;
    return;
  }
  if (std::any_of(blocks_.begin(), blocks_.end(), held)) return;
  simulation_.api().kinematics(&simulation_.model(), &data);
  const auto taken =
      std::find_if(blocks_.begin(), blocks_.end(), [&](const Block& block) { return within_reach(block); });
  if (taken != blocks_.end()) grip(*taken);
}

bool SuctionCup::within_reach(const Block& block) const noexcept {
  const mjData& data = simulation_.data();
  const mjtNum* const cup = data.site_xpos + 3 * site_;
  const mjtNum* const center = data.xpos + 3 * block.body;
  const double radial_m = std::hypot(center[0] - cup[0], center[1] - cup[1]);
  const double axial_m = std::abs(cup[2] - (center[2] + block_half_m_));
  return radial_m < radial_reach_m_ && axial_m < axial_reach_m_;
}

void SuctionCup::grip(const Block& block) noexcept {
  const mujoco::Library& api = simulation_.api();
  mjData& data = simulation_.data();
  // eq_data of a weld: anchor in body 2, then position and orientation of body 2 in body 1.
  mjtNum* const relative = simulation_.model().eq_data + mjNEQDATA * block.weld;
  const mjtNum* const cup = data.xpos + 3 * cup_;
  const mjtNum* const center = data.xpos + 3 * block.body;
  const mjtNum offset[3] = {center[0] - cup[0], center[1] - cup[1], center[2] - cup[2]};
  mjtNum inverse[4];
  api.neg_quat(inverse, data.xquat + 4 * cup_);
  std::fill_n(relative, 3, 0.0);
  api.rot_vec_quat(relative + 3, offset, inverse);
  api.mul_quat(relative + 6, inverse, data.xquat + 4 * block.body);
  data.eq_active[block.weld] = 1;
}

}  // namespace retain
