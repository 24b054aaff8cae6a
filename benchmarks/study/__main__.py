"""Runs experiments of the study: `python -m study E2 E3`, from the folder benchmarks, or `make study EXP=E2`."""

import argparse
import importlib
import sys
import time

EXPERIMENTS = {
    "E1": "the overfitting curve",
    "E2": "the main table",
    "E3": "success over α",
    "E4": "α by component",
    "E5": "pretraining scale",
    "E6": "skill after skill",
    "E9": "other ways to merge",
    "RULE_SEARCH": "one rule by component: the search",
    "RULE": "one rule by component: the test",
}


def main() -> int:
    """Run the experiments that are named, in the order given; what is there already is not made again."""
    parser = argparse.ArgumentParser(prog="study", description=__doc__)
    parser.add_argument("experiments", nargs="+", choices=list(EXPERIMENTS), metavar="EXP")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: %(default)s)")
    args = parser.parse_args()
    for name in args.experiments:
        started = time.monotonic()
        print(f"{name}: {EXPERIMENTS[name]}", flush=True)
        if name == "RULE_SEARCH":
            importlib.import_module("study.rule").search(args.workers, _say)
        else:
            importlib.import_module(f"study.{name.lower()}").run(args.workers, _say)
        print(f"{name}: done in {(time.monotonic() - started) / 60:.1f} min", flush=True)
    return 0


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
