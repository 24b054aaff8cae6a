"""RealSense cameras for the control loop: which camera plays which role, in which mode, by which librealsense."""

import importlib.util
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from retain._core import realsense as core
from retain.errors import ConfigError, DeviceError
from retain.runtime.profile import CameraProfile

SDK_DIRECTORIES: Final = ("/usr/local/lib", "/usr/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu")
"""Where the SDK's installers put librealsense2.so.2.x: its own build, then Debian and Ubuntu packages."""


@dataclass(frozen=True)
class RealsenseSettings:
    """How the cameras send.

    Attributes:
        mode: Height and width of the camera's own mode, pixels; None takes the frames' size.
        fps: Pictures per second of the mode.
        crop_to_square: Frames are the mode's central square, made smaller by averaging areas.
        depth: Also send depth, moved to where the colour camera sees it.
        auto_exposure: None leaves it as the camera has it.
        exposure: By hand, in the camera's own unit (100 µs for most colour sensors, 1 µs for stereo modules).
        gain: By hand, in the camera's own unit.
        warm_up_frames: Thrown away at the start, while the exposure settles.
        timeout_s: For the first frame, and of silence until a camera counts as lost.
        repeat: Recordings begin again at their end; otherwise they fall silent.
    """

    mode: tuple[int, int] | None = None
    fps: int = 30
    crop_to_square: bool = False
    depth: bool = False
    auto_exposure: bool | None = None
    exposure: float | None = None
    gain: float | None = None
    warm_up_frames: int = 15
    timeout_s: float = 5.0
    repeat: bool = True


def open_realsense(
    sources: Mapping[str, str | Path | None],
    frames: Sequence[CameraProfile],
    settings: RealsenseSettings | None = None,
    *,
    context: core.Context | None = None,
) -> tuple[core.RealsenseCamera, ...]:
    """Find the camera for each role and check that it offers the mode; the loop opens them on their own threads.

    Args:
        sources: For each role a serial number, a recording (a path), or None for the only camera that is connected.
        frames: Role, height and width of each camera's frames, as the bundle's manifest has them.
        settings: How they send; None takes the defaults.
        context: A librealsense that was opened before; None opens the one that `find_librealsense` finds.

    Returns:
        One camera per entry of `frames`, in that order.

    Raises:
        ConfigError: Roles and sources do not match, a camera has two roles, or the sizes contradict each other.
        DeviceError: librealsense cannot be loaded, a camera is not connected (the message lists those that are), or it
            has no such mode (the message lists the nearest).
    """
    settings = settings or RealsenseSettings()
    _check_roles(sources, frames)
    context = context or core.Context(find_librealsense())
    cameras = tuple(_camera(context, sources[profile.role], profile, settings) for profile in frames)
    roles: dict[str, str] = {}
    for camera in cameras:
        if camera.serial and camera.serial in roles:
            raise ConfigError(
                f"camera {camera.serial} has two roles, {roles[camera.serial]} and {camera.role};"
                " give each role a camera of its own"
            )
        roles[camera.serial] = camera.role
    return cameras


def connected_cameras(context: core.Context | None = None) -> list[core.DeviceInfo]:
    """The RealSense cameras that are connected now: name, serial number and USB generation.

    Raises:
        DeviceError: librealsense cannot be loaded.
    """
    return (context or core.Context(find_librealsense())).devices()


def find_librealsense(path: Path | None = None) -> Path:
    """The library to load: the one given, else the SDK's newest, else the one inside pyrealsense2's wheel.

    Raises:
        DeviceError: There is none.
    """
    if path is not None:
        return path
    found = max(_sdk_libraries(), key=_release, default=None) or next(_wheel_libraries(), None)
    if found is None:
        raise DeviceError(
            "librealsense is not installed, neither the SDK's librealsense2.so.2 nor pyrealsense2; run:"
            " pip install 'retain-vla[realsense]' && apt-get install libusb-1.0-0"
        )
    return found


def _check_roles(sources: Mapping[str, str | Path | None], frames: Sequence[CameraProfile]) -> None:
    wanted = [profile.role for profile in frames]
    if sorted(wanted) != sorted(sources):
        raise ConfigError(
            f"cameras were given for {', '.join(sorted(sources)) or 'no role'}"
            f" and frames are wanted for {', '.join(sorted(wanted)) or 'no role'}; name the same roles in both"
        )
    given = [source for source in sources.values() if source is not None]
    twice = next((source for source in given if given.count(source) > 1), None)
    if twice is not None:
        roles = " and ".join(role for role, source in sources.items() if source == twice)
        raise ConfigError(f"{twice} has two roles, {roles}; give each role a camera of its own")


def _camera(
    context: core.Context, source: str | Path | None, profile: CameraProfile, settings: RealsenseSettings
) -> core.RealsenseCamera:
    if isinstance(source, Path) and not source.is_file():
        raise DeviceError(f"camera {profile.role} is to play {source}, which is no file")
    mode_height, mode_width = settings.mode or (profile.height, profile.width)
    return core.RealsenseCamera(
        context,
        role=profile.role,
        serial="" if source is None or isinstance(source, Path) else source,
        recording=source if isinstance(source, Path) else None,
        repeat=settings.repeat,
        height=profile.height,
        width=profile.width,
        mode_height=mode_height,
        mode_width=mode_width,
        fps=settings.fps,
        crop_to_square=settings.crop_to_square,
        depth=settings.depth,
        auto_exposure=settings.auto_exposure,
        exposure=settings.exposure,
        gain=settings.gain,
        warm_up_frames=settings.warm_up_frames,
        timeout_s=settings.timeout_s,
    )


def _sdk_libraries() -> Iterator[Path]:
    for directory in SDK_DIRECTORIES:
        yield from Path(directory).glob("librealsense2.so.2.*")


def _wheel_libraries() -> Iterator[Path]:
    # Found without importing it: the loop needs its C functions only.
    spec = importlib.util.find_spec("pyrealsense2")
    for directory in (spec.submodule_search_locations or ()) if spec is not None else ():
        yield from sorted(file for file in Path(directory).glob("pyrealsense2*.so*") if file.suffix != ".debug")


def _release(library: Path) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", library.name.partition(".so.")[2]))
