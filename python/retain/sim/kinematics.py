"""Where the joints must be for the cup to be somewhere: differential inverse kinematics by `mink`."""

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from retain.errors import require
from retain.sim.arm import CUP_SITE, HOME_RAD, arm_xml
from retain.sim.simulator import mujoco

if TYPE_CHECKING:
    import mink
else:
    mink = require("mink", extra="sim")

Vector = npt.NDArray[np.float64]

TOLERANCE_M: Final = 2e-4
MAX_ITERATIONS: Final = 6
"""A control step moves the cup at most 5 cm, for which two or three iterations from the current joints suffice."""

_ORIENTATION_COST: Final = 0.3
_POSTURE_COST: Final = 1e-3
_DAMPING: Final = 1e-6


class Kinematics:
    """Inverse kinematics of the arm alone, with the cup pointing down and not turning about itself.

    Each iteration solves the quadratic program of `mink` (frame task + a little posture, joint limits as constraints)
    for the step Δq = v·1 s and applies it: Gauss-Newton with box constraints.
    """

    def __init__(self) -> None:
        model = mujoco.MjModel.from_xml_string(arm_xml())
        self._configuration = mink.Configuration(model)
        self._site = model.site(CUP_SITE).id
        self._frame = mink.FrameTask(
            frame_name=CUP_SITE, frame_type="site", position_cost=1.0, orientation_cost=_ORIENTATION_COST
        )
        posture = mink.PostureTask(model=model, cost=_POSTURE_COST)
        posture.set_target(np.array(HOME_RAD))
        self._tasks = [self._frame, posture]
        self._limits = [mink.ConfigurationLimit(model=model)]
        self._configuration.update(np.array(HOME_RAD))
        pose = self._configuration.get_transform_frame_to_world(CUP_SITE, "site")
        self._upright = pose.rotation()

    def cup(self, joints: Vector) -> Vector:
        """Forward kinematics: the tip of the cup for joints of shape (6,) in rad; shape (3,), m."""
        self._configuration.update(joints)
        position: Vector = self._configuration.data.site_xpos[self._site].copy()
        return position

    def solve(self, cup: Vector, joints: Vector, iterations: int = MAX_ITERATIONS) -> Vector:
        """Joints that bring the cup's tip to a point.

        Args:
            cup: The point, shape (3,), m.
            joints: Where to start, shape (6,), rad.
            iterations: At most so many steps.

        Returns:
            Shape (6,), rad, inside the position limits. Out of reach, it is the nearest found.
        """
        self._configuration.update(joints)
        self._frame.set_target(mink.SE3.from_rotation_and_translation(self._upright, cup))
        for _ in range(iterations):
            velocity = mink.solve_ik(
                self._configuration, self._tasks, dt=1.0, solver="daqp", damping=_DAMPING, limits=self._limits
            )
            self._configuration.integrate_inplace(velocity, 1.0)
            if np.linalg.norm(self._configuration.data.site_xpos[self._site] - cup) < TOLERANCE_M:
                break
        solution: Vector = self._configuration.q.copy()
        return solution
