"""From the options of `retain adopt` to what a policy leaves to the dataset, and to the arm's calibration."""

import argparse
import fnmatch
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from retain.checkpoint import read_json_object
from retain.errors import PolicyError

if TYPE_CHECKING:
    from retain.policy.lerobot.adopt import Naming
    from retain.policy.lerobot.openpi import Rig
    from retain.policy.lerobot.robot import Robot

RANGE = "range"
"""LeRobot's -100 to 100 of a servo's range: how many radians that is, the arm's calibration says."""


def units_of(options: Sequence[str], naming: "Naming", calibration: Path | None) -> list[tuple[str, str]]:
    """(pattern, unit) of each `--unit`, with `range` as the multiple of a radian that it is on this arm.

    Raises:
        PolicyError: One is not of this form, or there is no calibration for a `range`.
        ConfigError: The calibration cannot be read.
    """
    if calibration is not None and not any(text.endswith(f"={RANGE}") for text in options):
        raise PolicyError(f"--calibration says how far a {RANGE} reaches; give it with --unit 'PATTERN={RANGE}'")
    units: list[tuple[str, str]] = []
    for text in options:
        pattern, equals, unit = text.rpartition("=")
        if not equals:
            raise PolicyError(f"--unit takes PATTERN=UNIT, as in '*=deg'; found {text}")
        if unit != RANGE:
            units.append((pattern, unit))
        elif calibration is None:
            raise PolicyError(
                f"--unit {text}: how far -100 to 100 reaches depends on the arm; give the file that lerobot-calibrate"
                " wrote for it with --calibration"
            )
        else:
            units += _ranges(pattern, naming, calibration)
    return units


def _ranges(pattern: str, naming: "Naming", calibration: Path) -> list[tuple[str, str]]:
    from retain.runtime.feetech import lerobot_conversion, named_for, read_calibration

    names = dict.fromkeys((*naming.state, *naming.action))
    servos = {servo.name: servo for servo in named_for(read_calibration(calibration), names)}
    if not (matching := fnmatch.filter(names, pattern)):
        return [(pattern, RANGE)]  # refused with all others that match nothing
    found = []
    for name in matching:
        if name not in servos:
            raise PolicyError(f"{calibration} has no servo {name}; it has {', '.join(servos)}")
        if not servos[name].is_ratio:  # the gripper is in percent, never in -100 to 100
            found.append((name, f"{lerobot_conversion(servos[name], 'm100_100').scale:.9g} rad"))
    return found


def robot_of(args: argparse.Namespace) -> "Robot | None":
    """The robot of --data: its cameras instead of the policy's, and with `--stats data` its statistics.

    Raises:
        PolicyError: The data lack a camera.
        DatasetError: They cannot be read.
    """
    if args.stats != "data" and args.cameras is None:
        return None
    from retain.data import Dataset
    from retain.data.statistics import vector_statistics
    from retain.policy.lerobot.document import ACTION, IMAGE, STATE, cameras_of
    from retain.policy.lerobot.robot import Robot
    from retain.policy.spec import CameraSpec

    if args.data is None:
        raise PolicyError("--cameras and --stats data look into the data of your robot; name it with --data")
    dataset = Dataset(args.data)
    recorded = [name.removeprefix(f"{IMAGE}s.") for name in dataset.features if name.startswith(f"{IMAGE}s.")]
    described = args.policy if args.like is None else args.like
    theirs = [name.rpartition(".")[2] for name in cameras_of(read_json_object(described / "config.json"))]
    roles = theirs if args.cameras is None else _split(args.cameras)
    if len(set(roles)) < len(roles):
        raise PolicyError(f"--cameras {','.join(roles)} names a camera twice")
    if unknown := [role for role in roles if role not in recorded]:
        raise PolicyError(
            f"{args.data} has no camera {unknown[0]}; it has {', '.join(recorded) or 'none'}, and the policy looks"
            f" through {', '.join(theirs)}: say which of yours come in this order, as in"
            f" --cameras {','.join(recorded[: len(theirs)]) or 'top,wrist'}"
        )
    cameras = tuple(CameraSpec(role, *dataset.features[f"{IMAGE}s.{role}"].shape[:2]) for role in roles)
    measured = {name: vector_statistics(dataset.column(name)) for name in (STATE, ACTION)}
    return Robot(cameras, measured if args.stats == "data" else None)


def naming_of(args: argparse.Namespace) -> "Naming":
    """Names and rate, from the dataset or from options.

    Raises:
        PolicyError: They are given twice, not at all, or are impossible.
        DatasetError: The dataset cannot be read.
    """
    from retain.policy.lerobot.adopt import Naming

    if args.data is not None:
        if args.fps is not None or args.names is not None or args.state_names is not None:
            raise PolicyError("--data says names and rate; leave --fps, --names and --state-names out")
        from retain.data import Dataset

        dataset = Dataset(args.data)
        found = {}
        for feature in ("observation.state", "action"):
            names = dataset.features[feature].names if feature in dataset.features else None
            if names is None:
                raise PolicyError(f"{args.data} has no names for the numbers of {feature}; give them with --names")
            found[feature] = tuple(names)
        return Naming(dataset.fps, found["observation.state"], found["action"])
    if args.fps is None or args.names is None:
        raise PolicyError("how are the channels called and how fast do rows follow? Give --data, or --fps and --names")
    if not args.fps > 0:
        raise PolicyError(f"--fps is {args.fps:g}, expected more than 0")
    names = _split(args.names)
    return Naming(args.fps, names if args.state_names is None else _split(args.state_names), names)


def rig_of(args: argparse.Namespace, naming: "Naming") -> "Rig":
    """What openpi's Python configuration says of the robot.

    Raises:
        PolicyError: A pattern matches no action, or the pictures' size is none.
    """
    from retain.policy.lerobot.openpi import Rig

    for pattern in args.relative:
        if not fnmatch.filter(naming.action, pattern):
            raise PolicyError(f"--relative {pattern} is no action; the actions are {', '.join(naming.action)}")
    height, _, width = args.camera_size.partition("x")
    if not (height.isdecimal() and width.isdecimal() and int(height) and int(width)):
        raise PolicyError(f"--camera-size is {args.camera_size}, expected HEIGHTxWIDTH in pixels, as 480x640")
    relative = frozenset(name for pattern in args.relative for name in fnmatch.filter(naming.action, pattern))
    return Rig(_split(args.cameras), int(height), int(width), naming.state, naming.action, relative)


def _split(names: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.split(","))
