"""`retain doctor`: is this computer fit for the control loop."""

import argparse
from pathlib import Path

from retain.cli import console

NAME = "doctor"
HELP = (
    "Look at this computer as the control loop needs it: what is fine, what isn't, and the command that mends it. "
    "Nothing is changed and no device is opened. The exit code is 1 if something is bad."
)
EXAMPLES = """examples:
  retain doctor
  retain doctor --recordings /data/runs
  retain doctor --json | jq '.findings[] | select(.status == "bad")'

ok: as expected. warn: works, but figures will suffer. bad: the loop breaks a promise, or a device cannot be used.
absent: not there, or not to be seen from here; nothing is claimed about it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "--recordings", type=Path, default=Path(), metavar="DIR", help="where recordings will go (default: here)"
    )
    parser.add_argument("--json", action="store_true", help="print the findings as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Examine, print, and return 1 if something is bad."""
    from retain.doctor import Machine, Status, examine

    findings = examine(Machine(recordings=args.recordings.resolve()))
    bad = sum(finding.status is Status.BAD for finding in findings)
    counts = {status.value: sum(finding.status is status for finding in findings) for status in Status}
    if args.json:
        console.emit_json({"counts": counts, "findings": [finding.to_json() for finding in findings]})
        return 1 if bad else 0
    rows = [(one.status.value, one.what, one.found, one.expected, one.mend) for one in findings]
    console.table("", ("", "what", "found", "expected", "mend"), rows)
    print(", ".join(f"{count} {name}" for name, count in counts.items()))
    return 1 if bad else 0
