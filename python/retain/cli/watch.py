"""`retain watch`: a run in the rerun viewer, while it goes on or afterwards."""

import argparse
from pathlib import Path

from retain.cli import console
from retain.errors import require

NAME = "watch"
HELP = "Show a run in the rerun viewer while `retain run --record FILE` is writing it, about a second behind."
EXAMPLES = """examples:
  retain run BUNDLE --task "lift the blue block" --record run.mcap     in one terminal
  retain watch run.mcap                                                in another
  retain watch run.mcap --save run.rrd                                 for `rerun run.rrd` on another machine"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("flight", type=Path, metavar="FILE", help="an .mcap that is being written, or is complete")
    parser.add_argument("--save", type=Path, metavar="RRD", help="write a file for rerun instead of opening a viewer")
    parser.add_argument("--json", action="store_true", help="print what was shown as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Watch until the run's file is complete."""
    from retain.flight.live import watch

    stream = require("rerun", "live").RecordingStream("retain")
    if args.save:
        stream.save(args.save)
    else:
        stream.spawn()
    try:
        shown = watch(args.flight, stream)
    finally:
        stream.flush()
        stream.disconnect()
    if args.json:
        console.emit_json({"flight": str(args.flight), "messages": shown})
    else:
        print(f"showed {shown} messages")
    return 0
