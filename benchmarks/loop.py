"""The tick on this machine: wake-up lateness beside cyclictest's in the same minutes, and what a tick costs.

    python benchmarks/loop.py [--cyclictest PATH]

The two take turns in short segments, at the same priority and interval, because a busy machine changes from minute to
minute. The arm is only memory: the figures are the loop's own, without a device.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
from pathlib import Path
from typing import Any

from machine import machine_facts
from retain._core import runtime as core

RESULT = Path(__file__).parent / "results" / "loop.json"
HISTOGRAM_US = 100_000
"""cyclictest keeps counts of 1 µs up to here; later wake-ups are in its maximum alone."""


def cyclictest(program: str, priority: int, interval_us: int, seconds: float) -> dict[str, float]:
    """Lateness by cyclictest, µs: p50, p99 and max of one segment.

    Raises:
        RuntimeError: It failed, or printed no histogram.
    """
    loops = round(seconds * 1e6 / interval_us)
    command = [program, "-q", "-m", "-t1", f"-p{priority}", f"-i{interval_us}", f"-l{loops}", f"-h{HISTOGRAM_US}"]
    libraries = str(Path(program).resolve().parent)
    environment = os.environ | {"LD_LIBRARY_PATH": f"{libraries}:{os.environ.get('LD_LIBRARY_PATH', '')}"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    counts = [(int(us), int(n)) for us, n in re.findall(r"^(\d{6}) (\d{6})$", done.stdout, re.MULTILINE)]
    maximum = re.search(r"^# Max Latencies: (\d+)", done.stdout, re.MULTILINE)
    if done.returncode or not counts or maximum is None:
        raise RuntimeError(f"{program} failed with exit code {done.returncode}: {done.stderr.strip()}")
    return {"p50": _percentile(counts, 0.5), "p99": _percentile(counts, 0.99), "max": float(maximum[1])}


def _percentile(counts: list[tuple[int, int]], share: float) -> float:
    total, seen = sum(count for _, count in counts), 0
    for value, count in counts:
        seen += count
        if seen >= share * total:
            return float(value)
    return float(HISTOGRAM_US)


def segment(joints: int, rate_hz: float, seconds: float, priority: int) -> dict[str, Any]:
    """One segment of the loop's own tick."""
    return core.benchmark_tick(joints, rate_hz, seconds, core.RealtimeRequest(priority or None, None, True))


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cyclictest", default=shutil.which("cyclictest"), metavar="PATH")
    parser.add_argument("--seconds", type=float, default=4.0, help="per segment (default: 4)")
    parser.add_argument("--segments", type=int, default=8, help="of each (default: 8)")
    parser.add_argument("--rate", type=float, default=500.0, metavar="HZ")
    parser.add_argument("--joints", type=int, default=14)
    parser.add_argument("--priority", type=int, default=80, help="SCHED_FIFO; 0: the normal class (default: 80)")
    parser.add_argument("--output", type=Path, default=RESULT)
    args = parser.parse_args()

    ours, theirs = [], []
    for _ in range(args.segments):
        ours.append(segment(args.joints, args.rate, args.seconds, args.priority))
        if args.cyclictest:
            theirs.append(cyclictest(args.cyclictest, args.priority, round(1e6 / args.rate), args.seconds))

    lateness = {key: [1e6 * run["lateness"][f"{key}_s"] for run in ours] for key in ("p50", "p99", "max")}
    body = {key: [1e6 * run["body"][f"{key}_s"] for run in ours] for key in ("p50", "p999", "max")}
    result = {
        "machine": machine_facts(),
        "tick": {"rate_hz": args.rate, "joints": args.joints, "priority": args.priority},
        "segments": {"count": args.segments, "seconds": args.seconds},
        "realtime": ours[0]["realtime"],
        "lateness_us": lateness,
        "cyclictest_lateness_us": {key: [run[key] for run in theirs] for key in ("p50", "p99", "max")}
        if theirs
        else None,
        "median_lateness_ratio": (
            statistics.median(lateness["p50"]) / statistics.median(run["p50"] for run in theirs) if theirs else None
        ),
        "body_us": body,
        "skipped_periods": sum(run["skipped"] for run in ours),
        "page_faults_on_the_tick": sum(run["page_faults"] for run in ours),
        "allocations_on_the_tick": "0; counted by tests/cpp/runtime/allocation_test.cpp",
    }
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(json.dumps(result, indent=2) + "\n")
    _print(result)


def _print(result: dict[str, Any]) -> None:
    def middle(values: list[float]) -> str:
        return f"{statistics.median(values):10.1f}"

    late, other, body = result["lateness_us"], result["cyclictest_lateness_us"], result["body_us"]
    print(f"{'median over segments, µs':<28}{'p50':>10}{'p99':>10}{'max':>10}")
    print(f"{'wake-up lateness':<28}{middle(late['p50'])}{middle(late['p99'])}{middle(late['max'])}")
    if other:
        print(f"{'  cyclictest':<28}{middle(other['p50'])}{middle(other['p99'])}{middle(other['max'])}")
        print(f"{'  ratio of the medians':<28}{result['median_lateness_ratio']:>10.2f}")
    else:
        print("  cyclictest not found: apt-get install rt-tests, or --cyclictest PATH")
    print(f"{'tick body (p50, p99.9, max)':<28}{middle(body['p50'])}{middle(body['p999'])}{middle(body['max'])}")
    print(f"skipped periods {result['skipped_periods']}, page faults on the tick {result['page_faults_on_the_tick']}")


if __name__ == "__main__":
    main()
