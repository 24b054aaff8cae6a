"""`retain adopt`: complete a LeRobot policy by the names, units and rate that it does not say."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from retain.cli import console
from retain.errors import PolicyError

if TYPE_CHECKING:
    from retain.policy.lerobot.adopt import Naming
    from retain.policy.lerobot.openpi import Rig

NAME = "adopt"
HELP = (
    "Copy a LeRobot policy (ACT, SmolVLA, pi0, pi0.5), or an openpi checkpoint in PyTorch, and write down beside it "
    "what is left to the dataset: how its channels are called, in which unit, and how fast rows follow each other; "
    "its tokenizer is put in too. LeRobot reads the copy; retain can finetune, merge, export and drive it."
)
EXAMPLES = """examples:
  retain adopt pretrained_model --data demos --unit '*=deg' --unit 'gripper*=percent' -o smolvla
  retain adopt act --fps 50 --names left_waist,left_gripper --unit '*=rad' --unit '*gripper=1' -o act-here
  retain adopt openpi/pi05_libero/29999 --cameras base,wrist --state-names x_m,y_m,z_m,a,b,c,jaw,jaw_2 \\
      --names x_m,y_m,z_m,a,b,c,jaw --fps 10 --unit '*_m=m' --unit '?=rad' --unit 'jaw*=1' -o pi05"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("policy", type=Path, metavar="POLICY", help="LeRobot's directory, as pretrained_model")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", required=True, help="the policy directory to make")
    parser.add_argument("--data", type=Path, metavar="DATASET", help="the dataset it was trained on: names and rate")
    parser.add_argument("--fps", type=float, metavar="HZ", help="action rows per second, without --data")
    parser.add_argument("--names", metavar="A,B,…", help="channels of state and action in order, without --data")
    parser.add_argument("--state-names", metavar="A,B,…", help="channels of the state, where they are others")
    parser.add_argument(
        "--unit",
        action="append",
        default=[],
        metavar="PATTERN=UNIT",
        help="unit of the channels of that name: rad, deg, m, mm, percent, 1; of several that match the last counts",
    )
    parser.add_argument(
        "--hold", action="append", default=[], metavar="PATTERN", help="channels that switch instead of moving"
    )
    parser.add_argument("--tokenizer", type=Path, metavar="FILE", help="tokenizer.json (default: found by its name)")
    parser.add_argument(
        "--max-trained-delay", type=int, default=0, metavar="ROWS", help="rows that training committed (rtc-prefix)"
    )
    openpi = parser.add_argument_group("openpi", "what its Python configuration says, and its checkpoint does not")
    openpi.add_argument(
        "--cameras", metavar="A,B,…", help="roles of the robot's cameras: base, left wrist, right wrist, or the first"
    )
    openpi.add_argument(
        "--camera-size", default="224x224", metavar="HxW", help="of their pictures (default: %(default)s, as openpi's)"
    )
    openpi.add_argument(
        "--relative", action="append", default=[], metavar="PATTERN", help="actions that count from the measured state"
    )
    openpi.add_argument(
        "--asset", metavar="NAME", help="folder in assets/ with the statistics, where there are several"
    )
    parser.add_argument("--force", action="store_true", help="replace an existing policy directory")
    parser.add_argument("--json", action="store_true", help="print what was written as JSON")


def run(args: argparse.Namespace) -> int:
    """Adopt and return the exit code."""
    from retain.policy.lerobot.adopt import adopt, adopt_openpi

    units = [tuple(text.rpartition("=")[::2]) for text in args.unit]
    if malformed := [text for text in args.unit if "=" not in text]:
        raise PolicyError(f"--unit takes PATTERN=UNIT, as in '*=deg'; found {malformed[0]}")
    naming = _naming(args)
    if args.cameras is None and (args.relative or args.asset is not None):
        raise PolicyError(
            "--relative and --asset are for openpi's checkpoints; name the robot's cameras with --cameras"
        )
    common = {
        "hold": args.hold,
        "tokenizer": args.tokenizer,
        "max_trained_delay": args.max_trained_delay,
        "force": args.force,
    }
    with console.progress("copying", None, unit="bytes") as advance:
        if args.cameras is not None:
            rig = _rig(args, naming)
            spec = adopt_openpi(
                args.policy, args.output, rig, naming.fps, units, asset=args.asset, progress=advance, **common
            )
        else:
            spec = adopt(args.policy, args.output, naming, units, progress=advance, **common)
    described = {
        "output": str(args.output),
        "family": spec.family,
        "cameras": [f"{camera.role} {camera.width}×{camera.height}" for camera in spec.cameras],
        "state": [f"{channel.name} [{channel.unit}]" for channel in spec.state],
        "action": [f"{channel.name} [{channel.unit}] {channel.mode}" for channel in spec.action],
        "dt_s": spec.dt_s,
        "horizon": spec.horizon,
    }
    if args.json:
        console.emit_json(described)
    else:
        for name, value in described.items():
            print(f"{name:<8} {', '.join(value) if isinstance(value, list) else value}")
    return 0


def _naming(args: argparse.Namespace) -> "Naming":
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


def _rig(args: argparse.Namespace, naming: "Naming") -> "Rig":
    import fnmatch

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
