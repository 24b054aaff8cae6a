"""From options to devices: each is checked against the bundle before anything is opened."""

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from retain.errors import ConfigError

if TYPE_CHECKING:
    from retain._core.runtime import Camera
    from retain.bundle import Manifest
    from retain.runtime import CameraProfile, Devices
    from retain.runtime.realsense import RealsenseSettings

Source = str | Path | None
"""A serial number, a recording, or None for the only camera that is connected."""


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
    settings = realsense_settings(args.camera_mode, frames)
    channels = {channel.name for channel in manifest.action.channels}
    servos = named_for(read_calibration(args.calibration), channels)
    check_fit(manifest, replace(feetech_profile(servos), cameras=frames))
    cameras: tuple[Camera, ...] = ()
    if frames:
        from retain.runtime.realsense import open_realsense

        cameras = open_realsense(sources, frames, settings)
    margin_s = ANSWER_MARGIN_S if args.answer_margin is None else args.answer_margin
    return open_feetech(args.port, args.calibration, cameras=cameras, channels=channels, answer_margin_s=margin_s)


def camera_sources(options: Sequence[str]) -> dict[str, Source]:
    """`front=realsense:SERIAL`, `front=realsense` and `front=recording:FILE.db3`, by role.

    Raises:
        ConfigError: One says something else, or a role comes twice.
    """
    sources: dict[str, Source] = {}
    for option in options:
        role, _, source = option.partition("=")
        kind, colon, rest = source.partition(":")
        known = (kind == "realsense" and bool(rest) == bool(colon)) or (kind == "recording" and rest)
        if not role or not known:
            raise ConfigError(
                f"--camera {option} names no camera; expected ROLE=realsense:SERIAL, ROLE=realsense or"
                " ROLE=recording:FILE.db3"
            )
        if role in sources:
            raise ConfigError(f"--camera gives {role} twice; give each role one camera")
        sources[role] = Path(rest) if kind == "recording" else rest or None
    return sources


def realsense_settings(mode: str | None, frames: Sequence["CameraProfile"]) -> "RealsenseSettings":
    """How the cameras send.

    Args:
        mode: `WxH` or `WxH@FPS`, pixels and pictures per second.
        frames: What the policy sees.

    Raises:
        ConfigError: The mode reads otherwise.
    """
    from retain.runtime.realsense import RealsenseSettings

    if mode is None:
        return RealsenseSettings()
    found = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)(?:@([1-9]\d*))?", mode)
    if found is None:
        raise ConfigError(f"--camera-mode {mode} is no mode; expected WxH or WxH@FPS, as in 640x480@30")
    width, height, fps = (int(number) if number else 30 for number in found.groups())
    cropped = any((frame.height, frame.width) != (height, width) for frame in frames)
    return RealsenseSettings(mode=(height, width), fps=fps, crop_to_square=cropped)


def _check_roles(sources: Mapping[str, Source], frames: Sequence["CameraProfile"]) -> None:
    wanted = {frame.role for frame in frames}
    if wanted != set(sources):
        raise ConfigError(
            f"the bundle's policy looks through {', '.join(sorted(wanted)) or 'no camera'} and --camera gives"
            f" {', '.join(sorted(sources)) or 'none'}; give each of its roles with --camera ROLE=SOURCE, and no other"
        )
