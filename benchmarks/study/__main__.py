"""Runs experiments of the study: `python -m study E2 E3`, from the folder benchmarks, or `make study EXP=E2`."""

import argparse
import importlib
import sys
import time
from collections.abc import Callable

from study.results import RESULTS

EXPERIMENTS: dict[str, tuple[str, str, str]] = {
    # name: (module, function, words)
    "E1": ("e1", "run", "the overfitting curve"),
    "E2": ("e2", "run", "the main table"),
    "E2_MORE": ("e2", "more", "the main table with L2-SP and replay"),
    "E3": ("e3", "run", "success over α"),
    "E4": ("e4", "run", "α by component"),
    "E5": ("e5", "run", "pretraining scale"),
    "E6": ("e6", "run", "skill after skill"),
    "E7": ("e7", "run", "learning rate and steps against α"),
    "E8": ("e8", "run", "choosing α"),
    "E9": ("e9", "run", "other ways to merge"),
    "E10": ("e10", "run", "what safeguards are worth"),
    "E11": ("e11", "run", "why"),
    "CLAIMS": ("claims", "run", "what the paper claims, judged by these results"),
    "SMALL": ("small", "run", "the main table at the size of a test"),
    "RULE_SEARCH": ("rule", "search", "one rule by component: the search"),
    "RULE": ("rule", "run", "one rule by component: the test"),
}


def main() -> int:
    """Run the experiments that are named, in the order given; what is there already is not made again."""
    parser = argparse.ArgumentParser(prog="study", description=__doc__)
    parser.add_argument("experiments", nargs="+", choices=list(EXPERIMENTS), metavar="EXP")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: %(default)s)")
    args = parser.parse_args()
    for name in args.experiments:
        started = time.monotonic()
        module, function, words = EXPERIMENTS[name]
        print(f"{name}: {words}", flush=True)
        getattr(importlib.import_module(f"study.{module}"), function)(args.workers, _say)
        if function != "search":
            draw(module, _say)
        print(f"{name}: done in {(time.monotonic() - started) / 60:.1f} min", flush=True)
    return 0


def draw(module: str, say: Callable[[str], None]) -> None:
    """The experiment's picture, where it has one."""
    try:
        plot = importlib.import_module(f"study.plots.{module}")
    except ModuleNotFoundError:
        return
    say(f"drew {plot.draw(RESULTS / f'{module.upper()}.png')}")


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
