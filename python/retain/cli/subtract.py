"""`retain subtract`: take a skill out of a policy again."""

import argparse
from pathlib import Path
from typing import get_args

from retain.cli import console
from retain.cli.merge_views import show_report

NAME = "subtract"
HELP = (
    "Take a skill out of a policy that was merged with --continue: its share, alpha times what finetuning changed, is "
    "computed again from the files that the policy's ledger (skills.json) names, and subtracted."
)
EXAMPLES = """examples:
  retain subtract merged drawer -o without-drawer
  retain subtract merged drawer --start /data/before --finetuned /data/drawer -o without-drawer"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    from retain.merge import StoredDType

    parser.add_argument("policy", type=Path, metavar="POLICY", help="a policy with a ledger")
    parser.add_argument("skill", metavar="SKILL", help="the skill's name in the ledger")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", required=True, help="the policy directory to make")
    parser.add_argument("--start", type=Path, metavar="DIR", help="where the policy it was merged into is now")
    parser.add_argument("--finetuned", type=Path, metavar="DIR", help="where the finetuned policy is now")
    parser.add_argument("--dtype", choices=get_args(StoredDType), help="store weights as this")
    parser.add_argument("--threads", type=int, metavar="N", help="threads (default: one per core)")
    parser.add_argument("--force", action="store_true", help="replace an existing policy directory")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(args: argparse.Namespace) -> int:
    """Subtract and return the exit code."""
    from retain.merge.sequence import subtract_skill

    with console.progress("subtracting", None, unit="bytes") as advance:
        report = subtract_skill(
            args.policy,
            args.skill,
            args.output,
            start=args.start,
            finetuned=args.finetuned,
            dtype=args.dtype,
            threads=args.threads,
            force=args.force,
            progress=advance,
        )
    if args.json:
        console.emit_json(report.to_json())
    else:
        show_report(report)
    return 0
