from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from retain._core.runtime import Camera

class DeviceInfo:
    @property
    def name(self) -> str: ...
    @property
    def serial(self) -> str: ...
    @property
    def usb(self) -> str: ...

class Context:
    def __init__(self, library: Path) -> None: ...
    @property
    def version(self) -> str: ...
    def devices(self) -> list[DeviceInfo]: ...
    def attach(self, address: int) -> None: ...
    def detach(self, address: int) -> None: ...

class RealsenseCamera(Camera):
    def __init__(
        self,
        context: Context,
        *,
        role: str,
        serial: str,
        recording: Path | None,
        repeat: bool,
        height: int,
        width: int,
        mode_height: int,
        mode_width: int,
        fps: int,
        crop_to_square: bool,
        depth: bool,
        auto_exposure: bool | None,
        exposure: float | None,
        gain: float | None,
        warm_up_frames: int,
        timeout_s: float,
    ) -> None: ...
    @property
    def serial(self) -> str: ...
    def grab_with_depth(
        self,
    ) -> tuple[int, int, npt.NDArray[np.uint8], npt.NDArray[np.uint16] | None, float] | Literal[False] | None: ...
