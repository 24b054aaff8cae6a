"""`retain adopt`: complete a LeRobot policy by the names, units and rate that it does not say."""

import argparse
from pathlib import Path

from retain.cli import console
from retain.cli.adopt_inputs import naming_of, rig_of, robot_of, units_of
from retain.errors import PolicyError

NAME = "adopt"
HELP = (
    "Copy a LeRobot policy (ACT, SmolVLA, pi0, pi0.5), or an openpi checkpoint in PyTorch, and write down beside it "
    "what is left to the dataset: how its channels are called, in which unit, and how fast rows follow each other; "
    "its tokenizer is put in too. LeRobot reads the copy; retain can finetune, merge, export and drive it."
)
EXAMPLES = """examples:
  retain adopt pretrained_model --data demos --unit '*=deg' --unit 'gripper*=percent' -o smolvla
  retain adopt smolvla_base --data demos --stats data --cameras top,wrist --unit '*=deg' --unit 'gripper*=percent' \\
      -o base
  retain adopt smolvla_base --like pretrained_model --data demos --unit '*=deg' --unit 'gripper*=percent' -o base
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
        help="unit of the channels of that name: rad, deg, m, mm, percent, 1, or range (LeRobot's -100 to 100 of a"
        " servo); of several that match the last counts",
    )
    parser.add_argument(
        "--calibration", type=Path, metavar="FILE", help="for range: what `lerobot-calibrate` wrote for the arm"
    )
    parser.add_argument(
        "--hold", action="append", default=[], metavar="PATTERN", help="channels that switch instead of moving"
    )
    parser.add_argument("--tokenizer", type=Path, metavar="FILE", help="tokenizer.json (default: found by its name)")
    parser.add_argument(
        "--max-trained-delay",
        type=int,
        metavar="ROWS",
        help="committed rows that it was trained to go on from, for --strategy rtc-prefix (default: what its "
        "config.json says, else 0)",
    )
    parser.add_argument(
        "--vision-positions",
        choices=("plain", "shifted"),
        help="of SmolVLA: shifted, where it was trained in float32 with LeRobot 0.4 and transformers 4.55 to 4.57",
    )
    bases = parser.add_argument_group(
        "bases of many robots", "such as lerobot/smolvla_base and lerobot/pi0_base, which have no statistics of yours"
    )
    bases.add_argument(
        "--stats",
        choices=("base", "data"),
        default="base",
        help="data: normalize by --data, as LeRobot's training would (default: base, the policy's own)",
    )
    bases.add_argument(
        "--like",
        type=Path,
        metavar="FINETUNED",
        help="take all but the weights from this policy, which LeRobot finetuned from POLICY",
    )
    bases.add_argument(
        "--cameras",
        metavar="A,B,…",
        help="your cameras for the policy's first, second, …; those beyond are left out (default: its own; openpi's are"
        " base, left wrist, right wrist)",
    )
    openpi = parser.add_argument_group("openpi", "what its Python configuration says, and its checkpoint does not")
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
    from retain.policy.lerobot.adopt import adopt, adopt_openpi, opens_openpi

    naming = naming_of(args)
    units = units_of(args.unit, naming, args.calibration)
    openpis = opens_openpi(args.policy)
    _check_meant(args, openpis=openpis)
    common = {
        "hold": args.hold,
        "tokenizer": args.tokenizer,
        "max_trained_delay": args.max_trained_delay,
        "force": args.force,
    }
    with console.progress("copying", None, unit="bytes") as advance:
        if openpis:
            rig = rig_of(args, naming)
            spec = adopt_openpi(
                args.policy, args.output, rig, naming.fps, units, asset=args.asset, progress=advance, **common
            )
        else:
            robot = robot_of(args)
            spec = adopt(
                args.policy,
                args.output,
                naming,
                units,
                robot=robot,
                like=args.like,
                positions=args.vision_positions,
                progress=advance,
                **common,
            )
    if spec.family == "smolvla" and args.vision_positions is None:
        _warn_of_positions(args.policy)
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


def _check_meant(args: argparse.Namespace, *, openpis: bool) -> None:
    """Refuse options that would have no effect."""
    if openpis:
        if args.cameras is None:
            raise PolicyError(
                f"{args.policy} is openpi's and does not say what cameras the robot has; name them with --cameras"
            )
        if args.like is not None or args.stats == "data":
            raise PolicyError("--like and --stats data are for LeRobot's bases; openpi's checkpoints have statistics")
        if args.vision_positions is not None:
            raise PolicyError("--vision-positions is for SmolVLA, which openpi has none of; leave it out")
        return
    if args.relative or args.asset is not None:
        raise PolicyError(f"--relative and --asset are for openpi's checkpoints; {args.policy} is none")
    if args.stats == "data" and args.like is not None:
        raise PolicyError("--stats data and --like both say whose statistics the copy has; give one of them")


def _warn_of_positions(policy: Path) -> None:
    from retain.checkpoint import open_checkpoint
    from retain.policy.lerobot.vision_positions import vision_positions

    if vision_positions(open_checkpoint(policy)) == "unknown":
        console.warn(
            f"{policy} may have learnt with shifted vision positions: its tower is stored in float32, and LeRobot 0.4"
            " with transformers 4.55 to 4.57 shifted them by one. It is taken for plain; if that is how it was trained,"
            " adopt it again with --vision-positions shifted, and if not, --vision-positions plain settles it"
        )
