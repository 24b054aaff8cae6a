"""`retain bench engine BUNDLE`: how long a policy takes in every engine that is here."""

import argparse
import json
from pathlib import Path

from retain.cli import console

HELP = (
    "A bundle's policy in every engine of this machine: p50 and p99 of prefix, step and chunk, distance to the golden"
    " outputs, memory, and percent of what the machine can do. Engines that are not here are listed with the reason."
    " The exit code is 1 if one is too far from the golden outputs to drive."
)
EXAMPLES = """examples:
  retain bench engine my.bundle
  retain bench engine my.bundle --engines cpu,eager,compiled --threads 2     # compiling: half a minute and more
  retain bench engine my.bundle --rounds 15 --output engine.json --picture engine.png"""


def add(whats: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the options."""
    engine = whats.add_parser(
        "engine", help="a bundle in every engine of this machine", description=HELP, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    option = engine.add_argument
    option("bundle", type=Path, metavar="BUNDLE", help="made by `retain export` or `retain merge-export`")
    option(
        "--engines", type=_names, metavar="NAMES", help=f"separated by commas: {_listed()} (default: all but compiled)"
    )
    option(
        "--threads", type=_counts, metavar="N,…", help="of every engine on the CPU (default: 1, 2, 4 … and all cores)"
    )
    option("--rounds", type=int, default=7, metavar="N", help="turns of every engine (default: 7)")
    option("--seconds", type=float, default=1.0, metavar="S", help="per turn, at least one chunk (default: 1)")
    option(
        "--apart", action="store_const", const=True, help="hold one engine in memory at a time, opened anew for each"
        " turn (default: where all would need more than 0.6 of the free memory)",
    )  # fmt: skip
    option("--output", type=Path, metavar="FILE", help="write everything as JSON")
    option("--picture", type=Path, metavar="FILE", help="draw it (.png)")
    option("--json", action="store_true", help="print everything as JSON")
    engine.set_defaults(bench=run)


def run(args: argparse.Namespace) -> int:
    """Measure, show, write."""
    from retain.bench.engine import EngineBenchSettings, bench_engine, count_turns
    from retain.bench.engine_table import COLUMNS, engine_rows, fact_rows
    from retain.bundle import Bundle
    from retain.errors import require

    if args.picture:
        require("matplotlib", "viz")
    settings = EngineBenchSettings(
        engines=args.engines, threads=args.threads, rounds=args.rounds, seconds=args.seconds, apart=args.apart
    )
    bundle = Bundle.open(args.bundle)
    with console.progress("measuring", count_turns(settings)) as advance:
        result = bench_engine(bundle, settings, progress=lambda _: advance(1))
    if args.output:
        args.output.parent.mkdir(parents=True, exist_ok=True)
        args.output.write_text(json.dumps(result.to_json(), indent=2) + "\n")
    if args.picture:
        from retain.bench.engine_picture import plot_engines

        plot_engines(result, args.picture)
    if args.json:
        console.emit_json(result.to_json())
    else:
        console.table("times in ms, memory in MiB, load in s", COLUMNS, engine_rows(result))
        console.table("", ("what", "found"), fact_rows(result))
    for sentence in result.wrong:
        console.warn(sentence)
    return 1 if result.wrong else 0


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _counts(text: str) -> list[int]:
    try:
        return [int(word) for word in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of numbers as in 1,2") from error


def _listed() -> str:
    from retain.bench.contenders import ENGINES

    return ", ".join(ENGINES)
