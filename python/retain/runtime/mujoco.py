"""The tabletop in real time: the scene of `retain.sim` handed to the C++ robot and camera, and judged from Python."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from retain.bundle import Manifest
from retain.errors import DeviceError, require
from retain.runtime.fit import check_fit
from retain.runtime.loop import Devices, Status
from retain.runtime.profile import CameraProfile, ChannelProfile, RobotProfile
from retain.sim import JOINTS, LIMITS, Episode, Tabletop

CAMERA_RATE_HZ: Final = 30.0
CAMERA_SIZE: Final = 64
"""Height and width in pixels of a camera that nobody asks for a size; the simulator renders any square."""
FOLLOWING_ERROR_RAD: Final = 0.5
"""The position servos lag a command at full speed by less than 0.1 rad; five times that is no lag any more."""

SUCTION: Final = "suction"
SUCTION_BOUNDS: Final = (-0.5, 1.5)
"""A learned switch overshoots its two values a little; the cup only asks whether the command is above 0.5."""

ROLE: Final = "front"


@dataclass(frozen=True)
class Moment:
    """The physics at one moment of a run.

    Attributes:
        time_s: Since the policy's first motion.
        qpos: Positions of all joints, shape (nq,).
        suction: Whether suction is commanded.
    """

    time_s: float
    qpos: npt.NDArray[np.float64]
    suction: bool


@dataclass
class TabletopRun:
    """One episode of the tabletop as a robot: devices for the loop, a judge, and the moments seen on the way.

    Attributes:
        sim: Holds the episode's start; it judges, and renders moments for pictures. It is not stepped.
        devices: What the loop drives.
        moments: About twenty a second.
    """

    sim: Tabletop
    devices: Devices
    onlooker: Any
    moments: list[Moment] = field(default_factory=list)

    def watch(self, status: Status) -> bool:
        """For `run_bundle`: note the moment, and say whether the skill is done."""
        now: Mapping[str, Any] | None = self.onlooker.snapshot()
        if now is None:
            return False
        self.moments.append(Moment(status.running_s, now["qpos"], now["suction"]))
        return self.sim.judge(now["qpos"], now["suction"])


def tabletop_profile(height: int, width: int) -> RobotProfile:
    """The tabletop's arm and camera as a bundle must know them.

    Args:
        height: Of the camera's frames, pixels.
        width: Of the camera's frames, pixels.
    """
    joints = tuple(
        ChannelProfile(
            name,
            "rad",
            "linear",
            position_min=float(LIMITS.position_min[i]),
            position_max=float(LIMITS.position_max[i]),
            velocity=float(LIMITS.velocity[i]),
            acceleration=float(LIMITS.acceleration[i]),
            jerk=float(LIMITS.jerk[i]),
            following_error=FOLLOWING_ERROR_RAD,
        )
        for i, name in enumerate(JOINTS)
    )
    cup = ChannelProfile(SUCTION, "1", "hold", *SUCTION_BOUNDS, np.inf, np.inf, np.inf, np.inf)
    return RobotProfile("mujoco", (*joints, cup), (CameraProfile(ROLE, height, width),))


def check_tabletop(manifest: Manifest) -> None:
    """Refuse a bundle that was not made for the tabletop, before anything heavy is opened.

    Raises:
        BundleError: With the differences in two columns.
    """
    wanted = next((camera for camera in manifest.observation.cameras if camera.role == ROLE), None)
    height, width = (wanted.height, wanted.height) if wanted else (CAMERA_SIZE, CAMERA_SIZE)
    check_fit(manifest, tabletop_profile(height, width))


def open_tabletop(
    episode: Episode, *, camera_size: int = CAMERA_SIZE, camera_rate_hz: float = CAMERA_RATE_HZ
) -> TabletopRun:
    """Set up an episode and hand its scene to the C++ robot and camera.

    Args:
        episode: What to do, where, and the seed.
        camera_size: Height and width of the camera's frames, pixels.
        camera_rate_hz: Frames per second; 0 renders whenever the loop asks, for virtual time.

    Raises:
        MissingExtraError: MuJoCo is not installed.
        DeviceError: This build has no simulator, MuJoCo is another release, or nothing can render.
    """
    native = _native()
    sim = Tabletop(camera_size)
    sim.reset(episode.skill, episode.variation, episode.seed)
    scene = sim.handover()
    library = native.load_library(_libmujoco())
    spec = scene.suction
    suction = native.SuctionSpec(
        cup_site=spec.cup_site,
        cup_body=spec.cup_body,
        block_bodies=list(spec.block_bodies),
        welds=list(spec.welds),
        radial_reach_m=spec.radial_reach_m,
        axial_reach_m=spec.axial_reach_m,
        block_half_m=spec.block_half_m,
    )
    start = native.Scene(
        xml=scene.xml,
        qpos=scene.qpos.tolist(),
        ctrl=scene.ctrl.tolist(),
        joints=list(scene.joints),
        suction_channel=SUCTION,
        suction=suction,
    )
    robot = native.MujocoRobot(library, start)
    onlooker = native.Onlooker(robot)
    camera = native.MujocoCamera(
        library,
        scene.xml,
        role=ROLE,
        camera=scene.camera,
        height=camera_size,
        width=camera_size,
        rate_hz=camera_rate_hz,
        robot=robot,
    )
    return TabletopRun(sim, Devices(tabletop_profile(camera_size, camera_size), robot, (camera,)), onlooker)


def _native() -> ModuleType:
    try:
        import retain._mujoco as native
    except ModuleNotFoundError as error:
        raise DeviceError(
            "this installation of retain was built without MuJoCo's headers, so it has no simulated robot;"
            " run: pip install mujoco==3.17.0, then install retain again"
        ) from error
    return native


def _libmujoco() -> Path:
    package = require("mujoco", extra="sim")
    directory = Path(package.__file__ or "").parent
    found = sorted(directory.glob("libmujoco.so.*"))
    if not found:
        raise DeviceError(f"{directory} holds no libmujoco.so; install it again with: pip install 'retain-vla[sim]'")
    return found[-1]
