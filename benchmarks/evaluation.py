"""How many episodes a second are evaluated? One and two workers, a policy in PyTorch."""

import argparse
import json
import time
from pathlib import Path

from machine import machine_facts
from retain.evaluate import evaluate
from retain.evaluate.source import PolicySource
from retain.policy import resolve
from retain.sim import DEMO_SKILL


def main() -> None:
    """Measure, print a table and write JSON beside the machine's facts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--policy", default="compact-base")
    parser.add_argument("--suite", default="generalist")
    parser.add_argument("-n", type=int, default=200)
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).parent / "results" / "evaluation.json")
    args = parser.parse_args()
    facts = machine_facts(("numpy", "torch", "mujoco"))
    source = PolicySource(resolve(args.policy))
    results = []
    print(f"{'workers':>7} {'episodes/s':>10} {'solved':>10}")
    for workers in (1, 2):
        started = time.perf_counter()
        rate = evaluate({"policy": source}, [args.suite], DEMO_SKILL, args.n, workers=workers).rate(
            "policy", args.suite
        )
        per_s = args.n / (time.perf_counter() - started)
        results.append({"workers": workers, "episodes_per_s": round(per_s, 2), "solved": rate.successes, "n": rate.n})
        print(f"{workers:7} {per_s:10.2f} {rate.successes:6}/{rate.n}")
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(json.dumps({"machine": facts, "suite": args.suite, "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
