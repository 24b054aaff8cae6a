"""Whether a bundle and a robot belong together: names, units, interpolation, cameras. Nothing moves if they don't."""

from retain.bundle import Manifest
from retain.errors import BundleError
from retain.runtime.profile import RobotProfile

Row = tuple[str, str]
"""What the bundle says, what the robot says."""

_ABSENT = "–"


def differences(manifest: Manifest, profile: RobotProfile) -> list[Row]:
    """Every point in which the two disagree, bundle first. Order is no difference: channels travel by name."""
    rows: list[Row] = []
    robot = {channel.name: channel for channel in profile.channels}
    for state in manifest.observation.state:
        measured = robot.get(state.name)
        found = _ABSENT if measured is None else f"state {measured.name} [{measured.unit}]"
        rows.append((f"state {state.name} [{state.unit}]", found))
    commanded = set()
    for action in manifest.action.channels:
        commanded.add(action.name)
        driven = robot.get(action.name)
        found = _ABSENT if driven is None else f"action {driven.name} [{driven.unit}] {driven.interpolation}"
        rows.append((f"action {action.name} [{action.unit}] {action.interpolation}", found))
    for name, channel in robot.items():
        if name not in commanded:
            rows.append((_ABSENT, f"action {name} [{channel.unit}] {channel.interpolation}"))
    cameras = {camera.role: camera for camera in profile.cameras}
    for wanted in manifest.observation.cameras:
        camera = cameras.get(wanted.role)
        found = _ABSENT if camera is None else f"camera {camera.role} {camera.width}×{camera.height}"
        rows.append((f"camera {wanted.role} {wanted.width}×{wanted.height}", found))
    return [row for row in rows if row[0] != row[1]]


def check_fit(manifest: Manifest, profile: RobotProfile) -> None:
    """Refuse a bundle that was not made for this robot.

    Raises:
        BundleError: With the differences in two columns.
    """
    rows = differences(manifest, profile)
    if not rows:
        return
    table = [("the bundle's policy", f"the robot {profile.name}"), *rows]
    width = max(len(left) for left, _ in table)
    lines = "\n".join(f"  {left:<{width}}   {right}" for left, right in table)
    raise BundleError(
        f"the bundle does not fit the robot {profile.name}; export a policy that was trained for it, or choose the"
        f" robot it was trained for with --robot:\n{lines}"
    )
