"""`retain bench WHAT`: measure this computer."""

import argparse
import json
from pathlib import Path

from retain.cli import bench_alpha, bench_engine, console

NAME = "bench"
HELP = "Measure this computer, with what it is beside the figures."
EXAMPLES = """examples:
  retain bench loop
  retain bench loop --rate 1000 --cpu 3 --picture lateness.png
  retain bench loop --segments 450 --seconds 4 --output hour.json      # an hour, on the robot's own computer
  retain bench engine my.bundle
  retain bench alpha base finetuned

`retain doctor` says what could be better here. cyclictest: sudo apt install rt-tests"""

LOOP_HELP = (
    "The control loop's tick: its wake-up lateness in turns with cyclictest's, and what its body costs, with an arm "
    "that is only memory. The exit code is 1 if a goal is missed."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    whats = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    loop = whats.add_parser(
        "loop", help="the tick: lateness and cost", description=LOOP_HELP, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = loop.add_argument
    add("--rate", type=float, default=500.0, metavar="HZ", help="ticks per second (default: 500)")
    add("--joints", type=int, default=14, metavar="N", help="of the arm (default: 14)")
    add("--priority", type=int, default=80, help="SCHED_FIFO priority; 0: the normal class (default: 80)")
    add("--cpu", type=int, metavar="N", help="core to run on (default: any)")
    add("--segments", type=int, default=16, metavar="N", help="of each, in turns (default: 16)")
    add("--seconds", type=float, default=2.0, metavar="S", help="per segment (default: 2)")
    add("--cyclictest", metavar="PATH", help="the program (default: the one on the path, if any)")
    add("--output", type=Path, metavar="FILE", help="write everything as JSON")
    add("--picture", type=Path, metavar="FILE", help="draw the distributions (.png)")
    add("--json", action="store_true", help="print everything as JSON")
    loop.set_defaults(bench=_loop)
    bench_engine.add(whats)
    bench_alpha.add(whats)


def run(args: argparse.Namespace) -> int:
    """Run the benchmark that was asked for."""
    code: int = args.bench(args)
    return code


def _loop(args: argparse.Namespace) -> int:
    from retain.bench.cyclictest import MEND, find_cyclictest
    from retain.bench.loop import LoopBenchSettings, bench_loop
    from retain.bench.loop_table import fact_rows, latency_rows
    from retain.errors import require

    if args.picture:
        require("matplotlib", "viz")
    settings = LoopBenchSettings(
        rate_hz=args.rate, joints=args.joints, priority=args.priority, cpu=args.cpu, segments=args.segments,
        seconds=args.seconds, cyclictest=find_cyclictest(args.cyclictest),
    )  # fmt: skip
    if settings.cyclictest is None:
        console.warn(f"no cyclictest to compare with; {MEND}, or --cyclictest PATH")
    with console.progress("measuring", settings.segments) as advance:
        result = bench_loop(settings, progress=advance)
    if args.output:
        args.output.parent.mkdir(parents=True, exist_ok=True)
        args.output.write_text(json.dumps(result.to_json(), indent=2) + "\n")
    if args.picture:
        from retain.bench.loop_picture import plot_loop

        plot_loop(result, args.picture)
    if args.json:
        console.emit_json(result.to_json())
    else:
        console.table("", ("µs", "p50", "p99", "p99.9", "max"), latency_rows(result))
        console.table("", ("what", "found"), fact_rows(result))
        for sentence in result.missed:
            console.warn(sentence)
    return 1 if result.missed else 0
