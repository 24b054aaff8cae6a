"""The suction cup: a weld that closes when the cup is on top of a block and suction is commanded.

The rule, applied immediately before every physics step, here and in the C++ robot alike:

1. Suction off (command ≤ 0.5): every weld's `eq_active` becomes 0.
2. Suction on and a weld active: nothing changes; a held block stays held.
3. Suction on and no weld active: `mj_kinematics`, so that poses belong to the current `qpos`. With c the world position
   of the cup's site and b that of a block's body, the first block (in the order of `block_bodies`) with
       hypot(b_x − c_x, b_y − c_y) < radial_reach_m   and   |c_z − (b_z + block_half_m)| < axial_reach_m
   is taken: its weld keeps the pose that block and cup have now. With (p₁, q₁) the cup's body and (p₂, q₂) the block's,
       eq_data[0:3] = 0 (anchor),  eq_data[3:6] = R(q₁)ᵀ (p₂ − p₁),  eq_data[6:10] = q₁* ⊗ q₂,  eq_data[10] unchanged,
   and `eq_active` becomes 1.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from retain.sim.arm import CUP_BODY, CUP_SITE
from retain.sim.scene import BLOCK_HALF_M, BLOCKS, WELDS
from retain.sim.simulator import mujoco


@dataclass(frozen=True)
class SuctionSpec:
    """The parameters of the rule, by name, so that another process can apply it to the same model.

    Attributes:
        cup_site: Site at the tip of the cup.
        cup_body: Body that the welds hold on to (their body1).
        block_bodies: Bodies that can be picked up, in order of preference.
        welds: Equality constraints, one per block body.
        radial_reach_m: Horizontal distance between cup and block centre below which the cup grips.
        axial_reach_m: Vertical distance between cup and block top below which the cup grips.
        block_half_m: Half the height of a block.
    """

    cup_site: str = CUP_SITE
    cup_body: str = CUP_BODY
    block_bodies: tuple[str, ...] = BLOCKS
    welds: tuple[str, ...] = WELDS
    radial_reach_m: float = 0.02
    axial_reach_m: float = 0.01
    block_half_m: float = BLOCK_HALF_M


SUCTION: Final = SuctionSpec()


class Suction:
    """The rule, bound to one model.

    Args:
        model: The compiled scene.
        spec: Names and reach.
    """

    def __init__(self, model: mujoco.MjModel, spec: SuctionSpec = SUCTION) -> None:
        self.spec = spec
        self._model = model
        self._site = model.site(spec.cup_site).id
        self._cup = model.body(spec.cup_body).id
        self._blocks = [model.body(name).id for name in spec.block_bodies]
        self._welds = [model.equality(name).id for name in spec.welds]

    def held(self, data: mujoco.MjData) -> int | None:
        """Index of the block that hangs on the cup, or None."""
        for index, weld in enumerate(self._welds):
            if data.eq_active[weld]:
                return index
        return None

    def apply(self, data: mujoco.MjData, command: float) -> None:
        """Close or open the welds; to be called immediately before `mj_step`."""
        if command <= 0.5:
            data.eq_active[self._welds] = 0
            return
        if self.held(data) is not None:
            return
        mujoco.mj_kinematics(self._model, data)
        cup = data.site_xpos[self._site]
        for weld, block in zip(self._welds, self._blocks, strict=True):
            center = data.xpos[block]
            radial = float(np.hypot(center[0] - cup[0], center[1] - cup[1]))
            axial = abs(float(cup[2] - (center[2] + self.spec.block_half_m)))
            if radial < self.spec.radial_reach_m and axial < self.spec.axial_reach_m:
                self._grip(data, weld, block)
                return

    def _grip(self, data: mujoco.MjData, weld: int, block: int) -> None:
        inverse, relative = np.empty(4), self._model.eq_data[weld]
        mujoco.mju_negQuat(inverse, data.xquat[self._cup])
        relative[0:3] = 0.0
        mujoco.mju_rotVecQuat(relative[3:6], data.xpos[block] - data.xpos[self._cup], inverse)
        mujoco.mju_mulQuat(relative[6:10], inverse, data.xquat[block])
        data.eq_active[weld] = 1
