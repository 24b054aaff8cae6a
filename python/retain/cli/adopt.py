"""`retain adopt`: complete a LeRobot policy by the names, units and rate that it does not say."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from retain.cli import console
from retain.errors import PolicyError

if TYPE_CHECKING:
    from retain.policy.lerobot.adopt import Naming

NAME = "adopt"
HELP = (
    "Copy a LeRobot policy (ACT, SmolVLA, pi0) and write down beside it what LeRobot leaves to the dataset: how its "
    "channels are called, in which unit they are, and how fast rows follow each other; its tokenizer is put in too. "
    "LeRobot reads the copy as before; retain can finetune, merge, export and drive it."
)
EXAMPLES = """examples:
  retain adopt pretrained_model --data demos --unit '*=deg' --unit 'gripper*=percent' -o smolvla
  retain adopt act --fps 50 --names left_waist,left_gripper --unit '*=rad' --unit '*gripper=1' -o act-here"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("policy", type=Path, metavar="POLICY", help="LeRobot's directory, as pretrained_model")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", required=True, help="the policy directory to make")
    parser.add_argument("--data", type=Path, metavar="DATASET", help="the dataset it was trained on: names and rate")
    parser.add_argument("--fps", type=float, metavar="HZ", help="action rows per second, without --data")
    parser.add_argument("--names", metavar="A,B,…", help="channels of state and action in order, without --data")
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
    parser.add_argument("--force", action="store_true", help="replace an existing policy directory")
    parser.add_argument("--json", action="store_true", help="print what was written as JSON")


def run(args: argparse.Namespace) -> int:
    """Adopt and return the exit code."""
    from retain.policy.lerobot.adopt import adopt

    units = [tuple(text.rpartition("=")[::2]) for text in args.unit]
    if malformed := [text for text in args.unit if "=" not in text]:
        raise PolicyError(f"--unit takes PATTERN=UNIT, as in '*=deg'; found {malformed[0]}")
    with console.progress("copying", None, unit="bytes") as advance:
        spec = adopt(
            args.policy,
            args.output,
            _naming(args),
            units,
            hold=args.hold,
            tokenizer=args.tokenizer,
            max_trained_delay=args.max_trained_delay,
            force=args.force,
            progress=advance,
        )
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
        if args.fps is not None or args.names is not None:
            raise PolicyError("--data says names and rate; leave --fps and --names out")
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
    names = tuple(name.strip() for name in args.names.split(","))
    return Naming(args.fps, names, names)
