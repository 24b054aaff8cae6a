"""`retain plot`: the picture of a recorded flight."""

import argparse
from pathlib import Path

from retain.cli import console

NAME = "plot"
HELP = "Draw a recorded run: what the policy said, what was planned, sent and measured, with states and latencies."
EXAMPLES = """examples:
  retain plot run.mcap
  retain plot blackbox/fault-20260102T030405.000000Z.mcap -o fault.png
  retain plot run.npz -o run.png"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "flight", type=Path, metavar="FILE", help="an .mcap of `retain run --record`, or an .npz of `--save-log`"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="PNG", help="where to draw (default: FILE with .png)")
    parser.add_argument("--json", action="store_true", help="print what was drawn as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Draw, and say where."""
    from retain.flight.plot import Drawn, plot_flight

    drawn = Drawn.open(args.flight)
    path = plot_flight(drawn, args.output or args.flight.with_suffix(".png"))
    if args.json:
        ticks = drawn.ticks
        console.emit_json({"picture": str(path), "ticks": len(ticks.time_s), "channels": list(ticks.channels)})
    else:
        print(path)
    return 0
