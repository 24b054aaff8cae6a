# The simulated arm and camera (csrc/bind/bind_mujoco.cpp); built only where MuJoCo's headers are found.
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from retain._core.runtime import Camera, Robot

HEADER_VERSION: int

class Library: ...

def load_library(file: Path) -> Library: ...

class SuctionSpec:
    def __init__(
        self,
        cup_site: str,
        cup_body: str,
        block_bodies: Sequence[str],
        welds: Sequence[str],
        radial_reach_m: float,
        axial_reach_m: float,
        block_half_m: float,
    ) -> None: ...

class Scene:
    def __init__(
        self,
        xml: str,
        qpos: Sequence[float],
        ctrl: Sequence[float],
        joints: Sequence[str],
        suction_channel: str,
        suction: SuctionSpec,
    ) -> None: ...

class MujocoRobot(Robot):
    def __init__(self, library: Library, scene: Scene) -> None: ...
    @property
    def physics_dt_s(self) -> float: ...

class Onlooker:
    def __init__(self, robot: MujocoRobot) -> None: ...
    def snapshot(self) -> dict[str, Any] | None: ...

class MujocoCamera(Camera):
    def __init__(
        self,
        library: Library,
        xml: str,
        *,
        role: str,
        camera: str,
        height: int,
        width: int,
        rate_hz: float,
        robot: MujocoRobot,
    ) -> None: ...
