"""`retain verify`: whether a merged policy is what its report says."""

import argparse

from retain.cli import console

NAME = "verify"
HELP = (
    "Check a merged policy: its files against the hashes of its report and, where the inputs are still there, every "
    "byte against the merge done again. Nothing is written."
)
EXAMPLES = """examples:
  retain verify merged
  retain verify merged --base /data/base --finetuned /data/finetuned"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("output", metavar="MERGED", help="a policy directory that retain merge made")
    parser.add_argument("--base", metavar="DIR", help="where the base is now (default: as the report says)")
    parser.add_argument(
        "--finetuned", nargs="+", default=[], metavar="DIR", help="where the finetuned policies are now"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="threads (default: one per core)")
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")


def run(args: argparse.Namespace) -> int:
    """Verify and return the exit code: 1 if something is not as the report says."""
    from retain.merge.verify import verify

    with console.progress("verifying", None, unit="bytes") as advance:
        found = verify(args.output, base=args.base, finetuned=args.finetuned, threads=args.threads, progress=advance)
    if args.json:
        console.emit_json(found.to_json())
        return 1 if found.problems else 0
    for problem in found.problems:
        console.stdout.print(f"{found.output}: {problem}", markup=False)
    for remark in found.remarks:
        console.warn(remark)
    if not found.problems:
        how = "recomputed from its inputs, every byte equal" if found.recomputed else "files have the recorded hashes"
        console.stdout.print(f"{found.output}: {how}", markup=False)
    return 1 if found.problems else 0
