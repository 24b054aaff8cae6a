"""`retain export-dataset`: recorded flights become a LeRobotDataset to train on."""

import argparse
from pathlib import Path

from retain.cli import console

NAME = "export-dataset"
HELP = "Turn recorded runs into a LeRobotDataset: one episode per file, one row per row of the policy's chunks."
EXAMPLES = """examples:
  retain export-dataset run.mcap -o flown
  retain export-dataset runs/*.mcap --policy BASE -o flown && retain finetune BASE --data flown -o tuned"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("flights", type=Path, nargs="+", metavar="FILE", help=".mcap files of `retain run --record`")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="the dataset to write")
    parser.add_argument(
        "--policy",
        metavar="BASE",
        help="write the numbers in this policy's units (degrees, percent), to finetune it on them (default: SI, as the"
        " loop's)",
    )
    parser.add_argument("--force", action="store_true", help="replace an existing dataset")
    parser.add_argument("--json", action="store_true", help="print the summary as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Write the dataset, and say what it holds."""
    from retain.flight import read
    from retain.flight.dataset import export_dataset

    logs = [read(path) for path in args.flights]
    done = export_dataset(logs, args.output, units=_units(args.policy), overwrite=args.force)
    for log in logs:
        if not log.complete:
            console.warn(f"{log.path} was broken off; its episode ends there")
    if args.json:
        episodes = [
            {"flight": str(one.path), "rows": one.rows, "largest_frame_offset_s": one.largest_frame_offset_s}
            for one in done
        ]
        console.emit_json({"output": str(args.output), "episodes": episodes})
        return 0
    rows = [(one.path.name, one.rows, f"{1e3 * one.largest_frame_offset_s:.0f} ms") for one in done]
    console.table(str(args.output), ("flight", "rows", "picture at most off by"), rows)
    return 0


def _units(policy: str | None) -> dict[str, float] | None:
    """What one unit of each of the policy's channels is in SI."""
    if policy is None:
        return None
    from retain.policy import resolve
    from retain.policy.configuration_file import read_configuration
    from retain.policy.units import factor_of

    spec, _ = read_configuration(resolve(policy))
    measured = {channel.name: factor_of(channel.unit) for channel in spec.state}
    return measured | {channel.name: factor_of(channel.unit) for channel in spec.action}
