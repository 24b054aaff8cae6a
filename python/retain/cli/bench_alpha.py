"""`retain bench alpha BASE FINETUNED`: seconds from another α to an engine that may drive."""

import argparse
import json
import os
from pathlib import Path

from retain.cli import console

HELP = (
    "Seconds from another alpha to an engine that may drive: graphs of another bundle relinked to the new weights,"
    " TensorRT engines refitted, or all rebuilt, beside the merge alone. What is written is removed again."
)
EXAMPLES = """examples:
  retain bench alpha compact-base outputs/finetuned
  retain bench alpha base finetuned --ways relinked --rounds 5 --work /scratch --output alpha.json"""


def add(whats: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the options."""
    alpha = whats.add_parser(
        "alpha", help="from another alpha to an engine that may drive", description=HELP, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    option = alpha.add_argument
    option("base", metavar="BASE", help="compact-base or a policy directory")
    option("finetuned", metavar="FINETUNED", help="a policy finetuned from it")
    option(
        "--ways", type=lambda text: text.split(","), default=["relinked", "refitted", "rebuilt"], metavar="NAMES",
        help="separated by commas, beside the merge (default: relinked,refitted,rebuilt)",
    )  # fmt: skip
    option("--rounds", type=int, default=3, metavar="N", help="new alphas per way (default: 3)")
    option("--threads", type=int, default=_cores(), metavar="N", help="of merge and engine (default: all cores)")
    option("--work", type=Path, metavar="DIR", help="where to write, up to three times the policy (default: /tmp)")
    option("--output", type=Path, metavar="FILE", help="write everything as JSON")
    option("--json", action="store_true", help="print everything as JSON")
    alpha.set_defaults(bench=run)


def run(args: argparse.Namespace) -> int:
    """Measure, show, write."""
    from retain.bench.alpha import AlphaBenchSettings, bench_alpha, count_steps
    from retain.bench.alpha_table import COLUMNS, alpha_rows, fact_rows

    settings = AlphaBenchSettings(ways=args.ways, rounds=args.rounds, threads=args.threads, work=args.work)
    with console.progress("measuring", count_steps(settings)) as advance:
        result = bench_alpha(args.base, args.finetuned, settings, progress=lambda _: advance(1))
    if args.output:
        args.output.parent.mkdir(parents=True, exist_ok=True)
        args.output.write_text(json.dumps(result.to_json(), indent=2) + "\n")
    if args.json:
        console.emit_json(result.to_json())
    else:
        console.table("seconds from a new α to an engine that may drive", COLUMNS, alpha_rows(result))
        console.table("", ("what", "found"), fact_rows(result))
    return 0


def _cores() -> int:
    return len(os.sched_getaffinity(0))
