"""How the cost of a merge grows: with size, threads, hashing, and the number of α in one pass; a table and a plot.

    python benchmarks/merge_scaling.py --gigabytes 0.25 0.5 1 2 4 8
    python benchmarks/merge_scaling.py --draw          # the picture again, from the JSON

Pairs like those of merge.py (bf16, four shards, Llama shapes), one size after another; a size needs 3.5 times itself on
the disk, and is warm only where three times itself fits into memory: what was read from the disk all the same is in the
JSON, and such points are hollow in the plot. Nothing waits for the disk at the end of a run, cp does not either.
"""

import argparse
import json
import shlex
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from machine import machine_facts
from merge_checkpoints import llama_tensors, make_pair
from merge_rounds import Way, check_space, in_turn, row, show
from merge_scaling_plot import draw
from merge_ways import copy, cp, llama_options, retain

RESULTS = Path(__file__).parent / "results" / "merge_scaling.json"
SHARDS = 4
THREADS = (1, 2, 4)
ALPHAS = ("0.5", "0.3,0.5,0.7", "0.1,0.3,0.5,0.7,0.9")

PREDICTED = {
    "cp -r": (0.0, 0.31),
    "copy, 2 threads": (0.03, 0.19),
    "1 thread": (0.12, 0.35),
    "2 threads": (0.12, 0.21),
    "4 threads": (0.12, 0.21),
    "2 threads, SHA-256": (0.12, 1.1),
}
"""Start [s] and seconds a gigabyte of output, before the first run. Several α in one pass: 2 reads and n writes instead
of 2n and n, so (2 + n)/3n of the time one by one: .56 for three and .47 for five."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the benchmark, print the tables, write the JSON and the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, nargs="+", default=[0.25, 0.5, 1, 2, 4, 8], help="sizes to measure")
    parser.add_argument("--alpha-gigabytes", type=float, default=1.0, help="the size for several α (default: 1)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default: 5)")
    parser.add_argument("--directory", type=Path, help="where to work (default: a temporary directory)")
    parser.add_argument("--output", type=Path, default=RESULTS, help="the JSON to write; the PNG lies beside it")
    parser.add_argument("--draw", action="store_true", help="measure nothing, draw what the JSON holds")
    args = parser.parse_args(argv)
    if not args.draw:
        result: dict[str, Any] = {"machine": machine_facts(("numpy",)), "rounds": args.rounds, "sizes": []}
        for gigabytes in args.gigabytes:
            result["sizes"].append(on_a_pair(args, gigabytes, by_size, gigabytes))
            show(
                result["sizes"][-1]["ways"], ("predicted_s", "median_s", "best_s", "cpu_s", "peak_mib", "disk_read_gb")
            )
        result["lines"] = lines(result["sizes"])
        result["alphas"] = on_a_pair(args, args.alpha_gigabytes, by_alphas, 4 * args.alpha_gigabytes)
        show(result["alphas"]["ways"], ("median_s", "best_s", "cpu_s", "peak_mib", "disk_read_gb"))
        args.output.parent.mkdir(parents=True, exist_ok=True)
        args.output.write_text(json.dumps(result, indent=2) + "\n")
        for name, line in result["lines"].items():
            print(f"{name}: {line['start_s']:.3f} s + {line['s_per_gb']:.3f} s a gigabyte")
    draw(json.loads(args.output.read_text()), args.output.with_suffix(".png"))
    print(f"{args.output.with_suffix('.png')}")


def on_a_pair(
    args: argparse.Namespace, gigabytes: float, ways: Callable[[Path], list[Way]], outputs_gb: float
) -> dict[str, Any]:
    """Make a pair, time some ways on it, and remove it.

    Args:
        args: The command line.
        gigabytes: The size of each end.
        ways: A function from the pair's directory to the ways.
        outputs_gb: How much the largest way writes.
    """
    with tempfile.TemporaryDirectory(dir=args.directory) as name:
        work = Path(name)
        check_space(work, (2 * gigabytes + outputs_gb) * 1.2e9)
        tensors, config = llama_tensors(gigabytes)
        nbytes = make_pair(work, tensors, shards=SHARDS, config=config)
        print(f"\n{nbytes / 1e9:.2f} GB")
        runs = in_turn(ways(work), args.rounds)
    rows: dict[str, dict[str, Any]] = {}
    for way, found in runs.items():
        rows[way] = dict(row(found, nbytes))
        if way in PREDICTED:
            rows[way]["predicted_s"] = round(PREDICTED[way][0] + PREDICTED[way][1] * nbytes / 1e9, 3)
    return {"bytes": nbytes, "shards": SHARDS, "ways": rows}


def by_size(pair: Path) -> list[Way]:
    """Copies, and the linear merge with several numbers of threads."""
    output = pair / "merged"
    common = [*llama_options(), "--no-sync"]
    names = {1: "1 thread", 2: "2 threads", 4: "4 threads"}
    threads = [retain(pair, output, names[count], *common, "--no-hash", "--threads", str(count)) for count in THREADS]
    hashed = retain(pair, output, "2 threads, SHA-256", *common, "--threads", "2")
    return [cp(pair, output), copy(pair, output), *threads, hashed]


def by_alphas(pair: Path) -> list[Way]:
    """Several α in one pass, and the same one by one: as many processes."""
    common = [*llama_options(), "--no-sync", "--no-hash"]
    found = []
    for alphas in ALPHAS:
        each = alphas.split(",")
        outputs = [pair / f"merged-{alpha}" for alpha in each]
        single = [retain(pair, output, "", *common, alpha=alpha) for alpha, output in zip(each, outputs, strict=True)]
        if len(each) > 1:
            pattern = pair / "merged-{alpha}"
            found.append(retain(pair, pattern, f"{len(each)} α in one pass", *common, outputs=outputs, alpha=alphas))
        script = " && ".join(shlex.join(way.command) for way in single)
        found.append(Way(f"{len(each)} α one by one" if len(each) > 1 else "1 α", ["sh", "-c", script], outputs))
    return found


def lines(sizes: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Start and seconds a gigabyte by least squares, from the sizes that were wholly in the page cache."""
    found = {}
    for name in sizes[0]["ways"]:
        points = [
            (size["bytes"] / 1e9, size["ways"][name]["median_s"])
            for size in sizes
            if size["ways"][name]["disk_read_gb"] < 0.01 * size["bytes"] / 1e9
        ]
        if len(points) > 1:
            slope, start = statistics.linear_regression(*zip(*points, strict=True))
            found[name] = {"start_s": round(start, 4), "s_per_gb": round(slope, 4), "points": len(points)}
    return found


if __name__ == "__main__":
    main()
