"""Runs experiments of the study: `python -m study E2 E3`, from the folder benchmarks, or `make study EXP=E2`."""

import argparse
import importlib
import sys
import time

EXPERIMENTS = {
    "E2": "main table",
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
        experiment = importlib.import_module(f"study.{name.lower()}")
        experiment.run(args.workers, _say)
        print(f"{name}: done in {(time.monotonic() - started) / 60:.1f} min", flush=True)
    return 0


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
