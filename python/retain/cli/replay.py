"""`retain replay`: a recorded flight's observations through a bundle again, and the answers compared."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from retain.cli import console
from retain.errors import ConfigError

if TYPE_CHECKING:
    from retain.flight import FlightLog
    from retain.flight.replay import Replay

NAME = "replay"
HELP = "Compute a recorded run's chunks again from the recorded pictures, states and noise, and compare."
EXAMPLES = """examples:
  retain replay run.mcap BUNDLE              does the bundle that flew still say the same? exit code 1 if not
  retain replay run.mcap OTHER -o other.png  what would the other policy have said?
  retain replay run.mcap BUNDLE --json"""

EXIT_DIFFERENT = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("flight", type=Path, metavar="FILE", help="an .mcap of `retain run --record` or a black box")
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="the bundle that flew, or another one")
    parser.add_argument(
        "--tolerance", type=float, metavar="X",
        help="largest difference in normalized units (default: the bundle's own, with which its engines are checked)",
    )  # fmt: skip
    parser.add_argument("-o", "--output", type=Path, metavar="PNG", help="draw both answers")
    parser.add_argument("--json", action="store_true", help="print the comparison as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Compare; 1 if the bundle that flew says something else now."""
    from retain.bundle import Bundle
    from retain.flight import read
    from retain.flight.replay import replay

    if args.tolerance is not None and not args.tolerance >= 0:
        raise ConfigError(f"--tolerance is {args.tolerance}, expected 0 or more")
    log = read(args.flight)
    compared = replay(log, Bundle.open(args.bundle), tolerance=args.tolerance)
    if args.output:
        from retain.flight.plot_replay import plot_replay

        subtitle = f"{args.flight.name}, flown by {log.metadata['bundle']}; replayed through {args.bundle.name}."
        plot_replay(compared, log.dt_s, args.output, title=_finding(compared), subtitle=subtitle)
    if args.json:
        console.emit_json({"flight": str(args.flight), "bundle": str(args.bundle), **compared.to_json()})
    else:
        _print(compared, log)
    return EXIT_DIFFERENT if compared.failed else 0


def _print(compared: "Replay", log: "FlightLog") -> None:
    rows = [(c.name, c.unit, f"{c.largest:.3g}", f"{c.mean:.3g}") for c in compared.channels]
    console.table("", ("channel", "unit", "largest difference", "mean difference"), rows)
    print(_finding(compared))
    if compared.left_out:
        console.warn(f"{compared.left_out} of {len(log.answers)} answers cannot be computed again and were left out")


def _finding(compared: "Replay") -> str:
    count = len(compared.chunks)
    beyond = round(compared.share_beyond * count)
    who = "the bundle that flew" if compared.same_bundle else "another bundle"
    if beyond == 0:
        return f"{who} says the same in all {count} chunks, within {compared.tolerance:g}"
    return f"{who} differs in {beyond} of {count} chunks by more than {compared.tolerance:g} (normalized)"
