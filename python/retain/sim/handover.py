"""A scene and the start of its episode as plain values, to be simulated by another process."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retain.sim.suction import SuctionSpec


@dataclass(frozen=True)
class SceneHandover:
    """Everything needed to continue an episode elsewhere.

    Attributes:
        xml: Self-contained MJCF with this episode's look written into it: the same pictures, the same physics.
        qpos: Positions of all joints, shape (nq,).
        ctrl: Commanded joints, shape (nu,), rad.
        joints: Names of the arm's joints, which are the names of their actuators too, in the order of the channels.
        suction: The suction rule's parameters.
        camera: Name of the camera.
        instruction: What the robot is asked to do.
    """

    xml: str
    qpos: npt.NDArray[np.float64]
    ctrl: npt.NDArray[np.float64]
    joints: tuple[str, ...]
    suction: SuctionSpec
    camera: str
    instruction: str
