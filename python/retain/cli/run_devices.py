"""From options to devices: each is checked against the bundle before anything is opened."""

import argparse
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from retain.errors import ConfigError

if TYPE_CHECKING:
    from retain._core.runtime import Camera
    from retain.bundle import Manifest
    from retain.runtime import CameraProfile, Devices

KINDS = ("realsense", "recording", "v4l2")


class Source(NamedTuple):
    """What `--camera` names.

    Attributes:
        kind: One of `KINDS`.
        name: A serial number (None: the only camera that is connected), a recording, or a webcam's device.
    """

    kind: str
    name: str | Path | None


def open_arm(args: argparse.Namespace, manifest: "Manifest") -> "Devices":
    """The servo arm with its cameras. Its port is opened by the loop.

    Raises:
        BundleError: The bundle is for another robot.
        ConfigError: Options or calibration are impossible.
        DeviceError: A camera is not there, or has no such mode.
    """
    from retain.runtime import CameraProfile
    from retain.runtime.feetech import ANSWER_MARGIN_S, feetech_profile, named_for, open_feetech, read_calibration
    from retain.runtime.fit import check_fit

    sources = camera_sources(args.camera)
    frames = tuple(CameraProfile(camera.role, camera.height, camera.width) for camera in manifest.observation.cameras)
    _check_roles(sources, frames)
    mode = camera_mode(args.camera_mode)
    channels = {channel.name for channel in manifest.action.channels}
    servos = named_for(read_calibration(args.calibration), channels)
    check_fit(manifest, replace(feetech_profile(servos), cameras=frames))
    margin_s = ANSWER_MARGIN_S if args.answer_margin is None else args.answer_margin

    def arm(cameras: Sequence["Camera"]) -> "Devices":
        return open_feetech(args.port, args.calibration, cameras=cameras, channels=channels, answer_margin_s=margin_s)

    cameras = _realsense(sources, frames, mode)
    webcams = [frame for frame in frames if sources[frame.role].kind == "v4l2"]
    return _with_webcams(sources, webcams, mode, cameras, arm) if webcams else arm(cameras)


def camera_sources(options: Sequence[str]) -> dict[str, Source]:
    """`front=realsense:SERIAL`, `front=realsense`, `front=recording:FILE.db3`, `front=v4l2:/dev/video0`, by role.

    Raises:
        ConfigError: One says something else, or a role comes twice.
    """
    sources: dict[str, Source] = {}
    for option in options:
        role, _, source = option.partition("=")
        kind, colon, rest = source.partition(":")
        known = kind in KINDS and bool(rest) == bool(colon) and (rest or kind == "realsense")
        if not role or not known:
            raise ConfigError(
                f"--camera {option} names no camera; expected ROLE=realsense:SERIAL, ROLE=realsense,"
                " ROLE=recording:FILE.db3 or ROLE=v4l2:DEVICE"
            )
        if role in sources:
            raise ConfigError(f"--camera gives {role} twice; give each role one camera")
        sources[role] = Source(kind, (rest or None) if kind == "realsense" else Path(rest))
    return sources


class Mode(NamedTuple):
    """What the cameras send: height and width (None: the frames' own), pictures per second."""

    size: tuple[int, int] | None
    fps: int

    def cropped(self, frames: Sequence["CameraProfile"]) -> bool:
        """Whether frames of that size must be cut out of it."""
        return self.size is not None and any((frame.height, frame.width) != self.size for frame in frames)


def camera_mode(mode: str | None) -> Mode:
    """How the cameras send.

    Args:
        mode: `WxH` or `WxH@FPS`, pixels and pictures per second.

    Raises:
        ConfigError: The mode reads otherwise.
    """
    if mode is None:
        return Mode(None, 30)
    found = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)(?:@([1-9]\d*))?", mode)
    if found is None:
        raise ConfigError(f"--camera-mode {mode} is no mode; expected WxH or WxH@FPS, as in 640x480@30")
    width, height, fps = (int(number) if number else 30 for number in found.groups())
    return Mode((height, width), fps)


def _realsense(sources: Mapping[str, Source], frames: Sequence["CameraProfile"], mode: Mode) -> "tuple[Camera, ...]":
    seen = [frame for frame in frames if sources[frame.role].kind != "v4l2"]
    if not seen:
        return ()
    from retain.runtime.realsense import RealsenseSettings, open_realsense

    settings = RealsenseSettings(mode=mode.size, fps=mode.fps, crop_to_square=mode.cropped(frames))
    return open_realsense({frame.role: sources[frame.role].name for frame in seen}, seen, settings)


def _with_webcams(
    sources: Mapping[str, Source],
    frames: Sequence["CameraProfile"],
    mode: Mode,
    cameras: "tuple[Camera, ...]",
    arm: "Callable[[Sequence[Camera]], Devices]",
) -> "Devices":
    from retain.runtime import PythonDevices
    from retain.runtime.webcam import WebcamSettings, open_webcams

    settings = WebcamSettings(mode=mode.size, fps=mode.fps)
    paths = {frame.role: Path(str(sources[frame.role].name)) for frame in frames}
    webcams = open_webcams(paths, frames, settings)
    try:
        devices = arm((*cameras, *webcams.cameras))
    except BaseException:
        webcams.close()
        raise
    return PythonDevices(devices.profile, devices.robot, devices.cameras, webcams.threads)


def _check_roles(sources: Mapping[str, Source], frames: Sequence["CameraProfile"]) -> None:
    wanted = {frame.role for frame in frames}
    if wanted != set(sources):
        raise ConfigError(
            f"the bundle's policy looks through {', '.join(sorted(wanted)) or 'no camera'} and --camera gives"
            f" {', '.join(sorted(sources)) or 'none'}; give each of its roles with --camera ROLE=SOURCE, and no other"
        )
