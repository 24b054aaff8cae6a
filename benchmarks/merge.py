"""How fast `retain merge` is, against copying the output, a torch script and mergekit, in one run.

    python benchmarks/merge.py --gigabytes 2 8 --mergekit /path/to/venv/bin

Makes a bf16 pair in four shards (a base and base + N(0, 2e-4), Llama shapes) on the spot, reads everything once so that
the page cache is warm, then times the ways in turn, round after round, and takes medians. Every way is one process from
start to end, imports included, and writes a fresh output that is removed outside the measured time; peak memory is the
kernel's figure for the process. What was predicted stands beside what was measured.

mergekit needs an environment of its own (torch==2.13.0 mergekit==0.1.5); without --mergekit its rows are left out. It
and the torch script take part in --peer-rounds rounds only: mergekit's TIES alone takes about 50 s a gigabyte.
"""

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from machine import machine_facts
from merge_checkpoints import llama_tensors, make_pair
from merge_rounds import Way, check_space, in_turn, row, show
from merge_ways import (
    TIES_DENSITY,
    copy,
    cp,
    llama_options,
    mergekit,
    mergekit_versions,
    retain,
    sample,
    share_equal,
    torch_script,
)

RESULTS = Path(__file__).parent / "results" / "merge.json"
SHARDS = 4

PREDICTED = {
    "cp -r": (0.0, 0.31),
    "copy, 2 threads": (0.03, 0.19),
    "retain linear": (0.12, 0.21),
    "retain linear, SHA-256": (0.12, 1.1),
    "retain slerp": (0.12, 0.42),
    "retain ties": (0.12, 0.65),
    "cp -r, sync": (0.0, 0.6),
    "retain linear, sync": (0.12, 0.6),
    "torch script, 2 threads": (2.0, 2.9),
    "mergekit linear": (6.0, 2.9),
    "mergekit slerp": (6.0, 8.3),
    "mergekit ties": (6.0, 44.0),
}
"""Start [s] and seconds a gigabyte of output, written down before the first run: from a prototype of the stream, from
single timings of the peers at 2 GB, and from 1.6 GB/s of SHA-256 on each of two cores."""

SAME_RESULT = {
    "retain slerp": "retain linear",
    "torch script, 2 threads": "retain linear",
    "mergekit linear": "retain linear",
    "mergekit slerp": "retain slerp",
    "mergekit ties": "retain ties",
}
"""Ways that should make the same weights as another: the slerp between such near policies is the line; of the updates
many have equal magnitudes in bf16, and of those at the threshold mergekit's TIES keeps some, retain's all."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the benchmark, print the tables, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, nargs="+", default=[2.0], help="size of each policy (default: 2)")
    parser.add_argument("--rounds", type=int, default=7, help="rounds (default: 7)")
    parser.add_argument("--peer-rounds", type=int, default=2, help="rounds of mergekit and torch (default: 2)")
    parser.add_argument("--mergekit", type=Path, metavar="BIN", help="bin directory of an environment with mergekit")
    parser.add_argument("--no-torch", action="store_true", help="leave the torch script out")
    parser.add_argument("--directory", type=Path, help="where to work (default: a temporary directory)")
    parser.add_argument("--output", type=Path, default=RESULTS, help="the JSON to write")
    args = parser.parse_args(argv)
    if args.mergekit is None:
        print("mergekit is left out; --mergekit BIN, the bin directory of its environment, takes it in")
    result: dict[str, Any] = {
        "machine": machine_facts(("numpy", "safetensors", "torch")),
        "mergekit": None if args.mergekit is None else mergekit_versions(args.mergekit),
        "sizes": [],
    }
    for gigabytes in args.gigabytes:
        with tempfile.TemporaryDirectory(dir=args.directory) as name:
            work = Path(name)
            check_space(work, 4.5e9 * gigabytes)
            measured = measure(work, gigabytes, args)
        result["sizes"].append(measured)
        args.output.parent.mkdir(parents=True, exist_ok=True)
        args.output.write_text(json.dumps(result, indent=2) + "\n")
        print(f"\n{measured['bytes'] / 1e9:.2f} GB bf16 in {SHARDS} shards, medians; {result['machine']['cpu']}")
        show(
            measured["ways"],
            (
                "predicted_s",
                "median_s",
                "best_s",
                "times_cp",
                "times_linear",
                "cpu_s",
                "peak_mib",
                "disk_read_gb",
                "same_weights",
            ),
        )
        for goal, (found, met) in measured["goals"].items():
            print(f"{'met   ' if met else 'MISSED'} {goal}: {found:.2f}")


def ways(pair: Path, args: argparse.Namespace) -> list[Way]:
    """All commands; each makes the same directory."""
    output = pair / "merged"
    common = [*llama_options(), "--no-sync"]
    ties = ["--method", "ties", "--density", str(TIES_DENSITY)]
    found = [
        cp(pair, output),
        copy(pair, output),
        retain(pair, output, "retain linear", *common, "--no-hash"),
        retain(pair, output, "retain linear, SHA-256", *common),
        retain(pair, output, "retain slerp", *common, "--no-hash", "--method", "slerp"),
        retain(pair, output, "retain ties", *common, "--no-hash", *ties),
        cp(pair, output, sync=True),
        retain(pair, output, "retain linear, sync", *llama_options(), "--no-hash"),
    ]
    if not args.no_torch:
        found.append(torch_script(pair, output, args.peer_rounds))
    if args.mergekit is not None:
        found += [
            mergekit(args.mergekit, pair, output, method, args.peer_rounds) for method in ("linear", "slerp", "ties")
        ]
    return found


def measure(work: Path, gigabytes: float, args: argparse.Namespace) -> dict[str, Any]:
    """Make a pair of one size and time everything on it."""
    tensors, config = llama_tensors(gigabytes)
    nbytes = make_pair(work, tensors, shards=SHARDS, config=config)
    names = [name for name, _ in tensors[:: max(1, len(tensors) // 12)]]
    samples: dict[str, dict[str, bytes]] = {}

    def inspect(way: Way) -> None:
        samples[way.name] = sample(way.outputs[0], names)

    runs = in_turn(ways(work, args), args.rounds, inspect)
    rows: dict[str, dict[str, Any]] = {name: dict(row(found, nbytes)) for name, found in runs.items()}
    for name, found in rows.items():
        start, per_gigabyte = PREDICTED[name]
        found["predicted_s"] = round(start + per_gigabyte * nbytes / 1e9, 2)
        found["times_cp"] = round(found["median_s"] / rows["cp -r"]["median_s"], 3)
        found["times_linear"] = round(found["median_s"] / rows["retain linear"]["median_s"], 2)
        if name in SAME_RESULT:
            found["same_weights"] = round(share_equal(samples[name], samples[SAME_RESULT[name]]), 4)
    return {"bytes": nbytes, "shards": SHARDS, "rounds": args.rounds, "ways": rows, "goals": goals(rows)}


def goals(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[float, bool]]:
    """What was aimed at, what was found, and whether that is met."""
    seconds = {name: found["median_s"] for name, found in rows.items()}
    checks = {
        "linear at most 1.0 x cp -r": (seconds["retain linear"] / seconds["cp -r"], 1.0, -1),
        "slerp at most 2.5 x cp -r": (seconds["retain slerp"] / seconds["cp -r"], 2.5, -1),
        "ties at most 2.5 x cp -r": (seconds["retain ties"] / seconds["cp -r"], 2.5, -1),
    }
    for method, least in (("linear", 20.0), ("ties", 50.0)):
        if f"mergekit {method}" in rows:
            ratio = seconds[f"mergekit {method}"] / seconds[f"retain {method}"]
            checks[f"mergekit's {method} takes at least {least:g} x as long"] = (ratio, least, 1)
    peak = max(found["peak_mib"] for name, found in rows.items() if name.startswith("retain"))
    checks["at most 64 MiB resident"] = (peak, 64.0, -1)
    return {goal: (round(found, 3), found * sign >= bound * sign) for goal, (found, bound, sign) in checks.items()}


if __name__ == "__main__":
    main()
