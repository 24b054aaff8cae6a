"""How long may OpenMP's threads spin for each other? Seconds of finetuning, alone and beside busy processes."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from machine import machine_facts

COUNTS = ("300000", "10000")
"""GOMP_SPINCOUNT: libgomp's own, and the one that the commands set."""


def retain(*arguments: str, spin: str | None = None) -> str:
    """Run a command; its output."""
    environment = os.environ | ({} if spin is None else {"GOMP_SPINCOUNT": spin})
    command = [sys.executable, "-m", "retain.cli", *arguments]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Processes that each want a core, in a session of their own as another program's would be."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def main() -> None:
    """Measure in turn, print medians and write JSON beside the machine's facts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).parent / "results" / "finetune_spin.json")
    args = parser.parse_args()
    facts = machine_facts(("torch",))
    seconds: dict[str, dict[str, list[float]]] = {place: {spin: [] for spin in COUNTS} for place in ("alone", "busy")}
    with tempfile.TemporaryDirectory() as folder:
        demonstrations = f"{folder}/demonstrations"
        retain("record", "--skill", "place the red block near right", "-n", "4", "-o", demonstrations)
        training = ["--data", demonstrations, "--steps", str(args.steps), "--batch-size", "16", "--json"]
        for number in range(args.rounds):
            for place, by_spin in seconds.items():
                with busy(facts["cores"] if place == "busy" else 0):
                    for spin, taken in by_spin.items():
                        output = f"{folder}/{number}-{place}-{spin}"
                        told = retain("finetune", "compact-base", *training, "-o", output, spin=spin)
                        taken.append(json.loads(told)["seconds"])
    medians = {place: {spin: statistics.median(taken) for spin, taken in by.items()} for place, by in seconds.items()}
    print(f"{args.steps} steps [s]" + "".join(f"{'spin ' + spin:>14}" for spin in COUNTS))
    for place, middle in medians.items():
        print(f"{place:12}" + "".join(f"{middle[spin]:14.1f}" for spin in COUNTS))
    results = {"steps": args.steps, "seconds": seconds, "medians": medians}
    args.output.write_text(json.dumps({"machine": facts, "results": results}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
