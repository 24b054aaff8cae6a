"""Seconds from another α to an engine that may drive: relinked, refitted or rebuilt, beside the merge alone.

    python benchmarks/alpha.py                          # compact
    python benchmarks/alpha.py --policy smolvla         # 450 M parameters in bfloat16; 5 GB under /tmp

`retain bench alpha` on two policies that are made here; results/alpha.json keeps one entry per policy.
"""

import argparse
import json
import tempfile
from pathlib import Path

import torch
from retain.bench.alpha import AlphaBenchSettings, bench_alpha
from retain.bench.alpha_table import COLUMNS, alpha_rows, fact_rows
from retain.cli import console
from retain.policy import load_policy, save_policy

GOAL_TIMES_MERGE = 1.3
"""A relinked bundle of SmolVLA's size is made in at most so many times the merge alone."""


def main() -> None:
    """Make two ends, measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--policy", choices=("compact", "smolvla"), default="compact")
    parser.add_argument("--ways", default="relinked,refitted,rebuilt")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "alpha.json")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="retain-bench-alpha-ends-") as folder:
        base, finetuned = _ends(args.policy, Path(folder))
        settings = AlphaBenchSettings(args.ways.split(","), args.rounds, args.threads)
        result = bench_alpha(base, finetuned, settings, progress=lambda way: print(way, end=" ", flush=True))
    print()
    kept = json.loads(args.output.read_text(encoding="utf-8")) if args.output.exists() else {}
    goal = GOAL_TIMES_MERGE if args.policy == "smolvla" else None
    kept[args.policy] = result.to_json() | {"goal_relinked_made_times_merge": goal}
    args.output.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    console.table("seconds from a new α to an engine that may drive", COLUMNS, alpha_rows(result))
    console.table("", ("what", "found"), fact_rows(result))


def _ends(policy: str, folder: Path) -> tuple[Path, Path]:
    if policy == "smolvla":
        from vla_pairs import write_pair

        return write_pair("smolvla", folder)
    network = load_policy("compact-base")
    base, finetuned = folder / "base", folder / "finetuned"
    save_policy(network, base)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.01 * torch.randn(parameter.shape, generator=generator))
    save_policy(network, finetuned)
    return base, finetuned


if __name__ == "__main__":
    main()
