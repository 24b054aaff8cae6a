"""How long a chunk takes in every engine of this machine, how right it is, and how far from the machine's floor.

    python benchmarks/engine.py                         # compact-base: results/engine_compact.json and .png
    python benchmarks/engine.py --policy smolvla        # 450 M parameters, random weights from a seed; 4 GB under /tmp

`retain bench engine` on a bundle that is exported here; docs/benchmarks.md says how to read it.
"""

import argparse
import json
import tempfile
from pathlib import Path

from retain.bench.engine import EngineBenchSettings, bench_engine
from retain.bench.engine_picture import plot_engines
from retain.bench.engine_table import COLUMNS, engine_rows, fact_rows
from retain.bundle import Bundle
from retain.cli import console
from retain.export.export import export_policy

RESULTS = Path(__file__).parent / "results"
GOAL_TIMES_EAGER = 2.0
"""Of SmolVLA's chunk in the C++ engine against PyTorch eager of the same run, on as many threads."""


def main() -> None:
    """Export, measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--policy", choices=("compact", "smolvla"), default="compact")
    parser.add_argument("--engines", default="cpu,eager,cuda,tensorrt,eager-cuda")
    parser.add_argument("--threads", type=lambda text: [int(word) for word in text.split(",")])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--output", type=Path, help="default: results/engine_POLICY.json, and .png beside it")
    args = parser.parse_args()
    output = args.output or RESULTS / f"engine_{args.policy}.json"
    with tempfile.TemporaryDirectory(prefix="retain-bench-engine-") as folder:
        policy: str | Path = "compact-base"
        if args.policy == "smolvla":
            from vla_pairs import write_pair

            policy, _ = write_pair("smolvla", Path(folder))
        export_policy(policy, Path(folder) / "bundle")
        bundle = Bundle.open(Path(folder) / "bundle")
        settings = EngineBenchSettings(
            engines=args.engines.split(","), threads=args.threads, rounds=args.rounds, seconds=args.seconds
        )
        result = bench_engine(bundle, settings, progress=lambda label: print(".", end="", flush=True))
        print()
        found = result.to_json() | {"goal_times_eager": GOAL_TIMES_EAGER if args.policy == "smolvla" else None}
        output.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        plot_engines(result, output.with_suffix(".png"))
        console.table("times in ms, memory in MiB, load in s", COLUMNS, engine_rows(result))
        console.table("", ("what", "found"), fact_rows(result))


if __name__ == "__main__":
    main()
