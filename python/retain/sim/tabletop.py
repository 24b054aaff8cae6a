"""The simulation itself: one arm, one table, one camera, ten decisions a second.

An action row is the joint target to be reached at the end of its 0.1 s. The commanded target moves linearly from the
previous one over the physics steps; suction takes the row's value from the start.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from retain.errors import SimulationError
from retain.sim.arm import CHANNELS, CUP_SITE, HOME_RAD, JOINTS, LIMITS
from retain.sim.handover import SceneHandover
from retain.sim.kinematics import Kinematics
from retain.sim.layout import draw_layout
from retain.sim.rendering import Renderer
from retain.sim.scene import (
    BLOCK_HALF_M,
    BLOCKS,
    CAMERA,
    CAMERA_M,
    PHYSICS_DT_S,
    TABLE_RGB,
    Look,
    apply_look,
    scene_xml,
)
from retain.sim.simulator import mujoco
from retain.sim.skill import COLORS, Skill
from retain.sim.success import Situation, goal_of, succeeded
from retain.sim.suction import SUCTION, Suction
from retain.sim.variation import Variation
from retain.sim.wording import instruction

DT_S: Final = 0.1
SUBSTEPS: Final = round(DT_S / PHYSICS_DT_S)
MAX_STEPS: Final = 60
"""An episode's cap: 6 s. Experts need 5 to 25 steps."""

Floats = npt.NDArray[np.float32]

_FRACTIONS: Final = np.arange(1, SUBSTEPS + 1)[:, None] / SUBSTEPS


class Tabletop:
    """One scene with its robot. Call `reset` before anything else.

    Args:
        camera_size: Height and width of the policy's picture, pixels.

    Attributes:
        skill: What is to be done.
        instruction: The same in words.
        steps: Control steps since the reset.
        model: The compiled MuJoCo model.
        data: Its state.
        kinematics: Inverse kinematics of the arm.
    """

    def __init__(self, camera_size: int = 64) -> None:
        self.camera_size = camera_size
        self.model = mujoco.MjModel.from_xml_string(scene_xml())
        self.data = mujoco.MjData(self.model)
        self.kinematics = Kinematics()
        self.skill: Skill
        self.instruction = ""
        self.steps = 0
        self._suction = Suction(self.model)
        self._renderers: dict[int, Renderer] = {}
        self._joint_q = np.array([self.model.joint(name).qposadr[0] for name in JOINTS])
        self._block_q = np.array([self.model.joint(self.model.body(name).jntadr[0]).qposadr[0] for name in BLOCKS])
        self._servos = np.array([self.model.actuator(name).id for name in JOINTS])
        self._site = self.model.site(CUP_SITE).id
        self._judge = mujoco.MjData(self.model)

    def reset(self, skill: Skill, variation: Variation, seed: int) -> None:
        """Set up an episode; the same arguments give the same episode, bit for bit.

        Raises:
            SimulationError: The variation leaves no room for the blocks.
        """
        rng = np.random.default_rng(seed)
        self.skill, self.steps = skill, 0
        self.instruction = instruction(skill, variation.wording, None if variation.wording == "canonical" else rng)
        layout = draw_layout(skill, variation, rng)
        others = [color for color in variation.palette if color != skill.color]
        colors = [skill.color, *rng.choice(others, len(layout.blocks) - 1, replace=False)]
        self._look = _draw_look(variation, colors, layout.pad, rng)
        apply_look(self.model, self._look)
        mujoco.mj_resetData(self.model, self.data)
        for start, (x, y), yaw in zip(self._block_q, layout.blocks, layout.yaw, strict=False):
            half = yaw / 2
            self.data.qpos[start : start + 7] = (x, y, BLOCK_HALF_M, np.cos(half), 0, 0, np.sin(half))
        cup = np.array([*rng.uniform(-0.1, 0.1, 2), rng.uniform(0.12, 0.18)])
        joints = self.kinematics.solve(cup, np.array(HOME_RAD), iterations=30)
        self.data.qpos[self._joint_q] = joints
        self.data.ctrl[self._servos] = joints
        mujoco.mj_forward(self.model, self.data)
        self._pad = layout.pad
        self._start = self.block.copy()
        self._suction_on = False

    def step(self, action: npt.ArrayLike) -> bool:
        """Carry out one action row.

        Args:
            action: Joint targets in rad, then suction (on above 0.5), shape (7,). Targets beyond the joints' stops are
                taken to the stops.

        Returns:
            Whether the skill is done now.

        Raises:
            SimulationError: The action has another shape or is not finite.
        """
        row = np.asarray(action, np.float64)
        if row.shape != (len(CHANNELS),) or not np.isfinite(row).all():
            raise SimulationError(
                f"expected a finite action of {len(CHANNELS)} values ({', '.join(CHANNELS)}); got {row}"
            )
        model, data = self.model, self.data
        start = data.ctrl[self._servos]
        end = np.clip(row[:-1], LIMITS.position_min, LIMITS.position_max)
        self._suction_on = bool(row[-1] > 0.5)
        self._suction.apply(data, float(self._suction_on))
        # While suction is on, a block may come within reach at any substep; off, and once one hangs, nothing changes.
        searching = self._suction_on and self._suction.held(data) is None
        for target in start + (end - start) * _FRACTIONS:
            data.ctrl[self._servos] = target
            if searching:
                self._suction.apply(data, 1.0)
            mujoco.mj_step(model, data)
        self.steps += 1
        return self.success()

    def state(self) -> Floats:
        """Measured joint positions in rad, then suction (0 or 1): shape (7,)."""
        return np.array([*self.joints, float(self._suction_on)], np.float32)

    def image(self, size: int | None = None) -> npt.NDArray[np.uint8]:
        """What the front camera sees: RGB, shape (size, size, 3); the policy's size by default.

        Raises:
            SimulationError: This machine cannot render.
        """
        return self._renderer(size or self.camera_size).render(self.data, CAMERA)

    def picture(self, qpos: npt.ArrayLike, size: int) -> npt.NDArray[np.uint8]:
        """What the front camera would see in a state reached elsewhere: RGB, shape (size, size, 3).

        Args:
            qpos: Positions of all joints, shape (nq,).
            size: Height and width, pixels.

        Raises:
            SimulationError: The state is not one of this scene, or this machine cannot render.
        """
        self._judge.qpos[:] = self._positions(qpos)
        mujoco.mj_forward(self.model, self._judge)
        return self._renderer(size).render(self._judge, CAMERA)

    def success(self) -> bool:
        """Whether the skill is done now, judged by where things are."""
        return succeeded(self.skill, self._situation(self.data, self._suction_on))

    def judge(self, qpos: npt.ArrayLike, suction: bool) -> bool:
        """Whether the skill would be done in a state reached elsewhere (from this episode's `handover`).

        Args:
            qpos: Positions of all joints, shape (nq,).
            suction: Whether suction is commanded.

        Raises:
            SimulationError: The state is not one of this scene.
        """
        self._judge.qpos[:] = self._positions(qpos)
        return succeeded(self.skill, self._situation(self._judge, suction))

    def handover(self) -> SceneHandover:
        """The current scene for another process, to be started with suction off and at rest."""
        return SceneHandover(
            xml=scene_xml(self._look),
            qpos=self.data.qpos.copy(),
            ctrl=self.data.ctrl.copy(),
            joints=JOINTS,
            suction=SUCTION,
            camera=CAMERA,
            instruction=self.instruction,
        )

    def close(self) -> None:
        """Free the renderers."""
        for renderer in self._renderers.values():
            renderer.close()
        self._renderers.clear()

    @property
    def joints(self) -> npt.NDArray[np.float64]:
        """Measured joint positions, shape (6,), rad."""
        joints: npt.NDArray[np.float64] = self.data.qpos[self._joint_q]
        return joints

    @property
    def command(self) -> npt.NDArray[np.float64]:
        """Joint targets commanded last, shape (6,), rad."""
        command: npt.NDArray[np.float64] = self.data.ctrl[self._servos]
        return command

    @property
    def cup(self) -> npt.NDArray[np.float64]:
        """Tip of the suction cup, shape (3,), m."""
        return self._situation(self.data, False).cup

    @property
    def block(self) -> npt.NDArray[np.float64]:
        """Centre of the target block, shape (3,), m."""
        start = self._block_q[0]
        block: npt.NDArray[np.float64] = self.data.qpos[start : start + 3]
        return block

    @property
    def holding(self) -> bool:
        """Whether the target block hangs on the cup."""
        return self._suction.held(self.data) == 0

    @property
    def goal(self) -> npt.NDArray[np.float64] | None:
        """Where a place skill ends, shape (2,), m; None for other verbs."""
        return goal_of(self.skill, self._pad)

    def _renderer(self, size: int) -> Renderer:
        if size not in self._renderers:
            self._renderers[size] = Renderer(self.model, size)
        return self._renderers[size]

    def _positions(self, qpos: npt.ArrayLike) -> npt.NDArray[np.float64]:
        positions = np.asarray(qpos, np.float64)
        if positions.shape != (self.model.nq,):
            raise SimulationError(f"expected positions of shape ({self.model.nq},); got {positions.shape}")
        return positions

    def _situation(self, data: mujoco.MjData, suction: bool) -> Situation:
        mujoco.mj_kinematics(self.model, data)
        start = self._block_q[0]
        return Situation(
            cup=data.site_xpos[self._site].copy(),
            block=data.qpos[start : start + 3].copy(),
            block_start=self._start,
            goal=self.goal,
            suction=suction,
        )


def _draw_look(variation: Variation, colors: list[str], pad: npt.NDArray[np.float64], rng: np.random.Generator) -> Look:
    table = np.array(variation.table_rgb or TABLE_RGB) + variation.look_noise * rng.uniform(-0.15, 0.15, 3)
    light = variation.light + variation.look_noise * rng.uniform(-0.3, 0.3)
    direction = rng.normal(size=3)
    shift = variation.camera_shift_m * direction / np.linalg.norm(direction)
    camera = np.array(CAMERA_M) + shift + variation.look_noise * rng.uniform(-0.02, 0.02, 3)
    red, green, blue = np.clip(table, 0.0, 1.0).tolist()
    x, y, z = camera.tolist()
    return Look(
        colors=tuple(COLORS[color] for color in colors),
        pad_m=(float(pad[0]), float(pad[1])),
        table_rgb=(red, green, blue),
        headlight=Look.headlight_at(light),
        camera_m=(x, y, z),
    )
