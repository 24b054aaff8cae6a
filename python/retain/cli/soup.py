"""`retain soup`: the mean of those finetuned policies that make it better."""

import argparse
from pathlib import Path
from typing import Any

from retain.cli import console
from retain.cli.score_command import scorer

NAME = "soup"
HELP = (
    "Average finetuned policies greedily: candidates come in the order of their scores; each stays if the mean with "
    "it scores no worse. A command of yours does the scoring. (retain merge --method soup averages all of them.)"
)
EXAMPLES = """examples:
  retain soup run1 run2 run3 --score './success_rate.sh {}' -o soup
The command's last line of output must be a number; higher is better. {} stands for a policy directory."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("candidates", nargs="+", type=Path, metavar="POLICY", help="policies finetuned from one base")
    parser.add_argument("--score", required=True, metavar="COMMAND", help="prints a score; {} is a policy directory")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", required=True, help="the policy directory to make")
    parser.add_argument("--threads", type=int, metavar="N", help="threads (default: one per core)")
    parser.add_argument("--force", action="store_true", help="replace an existing policy directory")
    parser.add_argument("--json", action="store_true", help="print what was tried as JSON")


def run(args: argparse.Namespace) -> int:
    """Make the soup and return the exit code."""
    from dataclasses import asdict

    from retain.merge.soup import greedy_soup

    found = greedy_soup(
        args.candidates,
        args.output,
        scorer(args.score),
        threads=args.threads,
        force=args.force,
        say=console.stderr_line,
    )
    if args.json:
        document: dict[str, Any] = asdict(found)
        console.emit_json(document)
        return 0
    rows = [(each.candidate, each.alone, each.with_it, "kept" if each.kept else "left out") for each in found.trials]
    console.table("greedy soup", ("candidate", "alone", "with it", ""), rows)
    console.stdout.print(f"{args.output}: the mean of {len(found.ingredients)}, score {found.score:g}", markup=False)
    return 0
