"""`retain record`: scripted experts do episodes in the tabletop suite and a LeRobotDataset is written."""

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from retain.cli import console
from retain.errors import ConfigError, SimulationError

if TYPE_CHECKING:
    from retain.data import Feature
    from retain.sim import Episode, Recording

NAME = "record"
HELP = "Record demonstrations of the tabletop's scripted experts as a LeRobotDataset."
EXAMPLES = """examples:
  retain record --skill "place the red block near right" --episodes 20 -o demos
  retain record --pretraining --episodes 6000 --workers 2 -o data/pretrain"""

PRETRAINING_NOISE_M = 0.01
"""Half of the pretraining episodes are executed with this much noise, so that the policy learns to come back."""

FPS = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--skill", metavar="WORDS", help="demonstrate one skill, in its narrow region")
    what.add_argument("--pretraining", action="store_true", help="the mix of all pretraining skills, everywhere")
    parser.add_argument("-n", "--episodes", type=int, default=20, help="successful episodes to record (default: 20)")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="the dataset to write")
    parser.add_argument("--seed", type=int, default=0, help="draws the scenes (default: 0)")
    parser.add_argument(
        "--noise", type=float, metavar="M",
        help=f"noise on the executed motion, m (default: 0 for a skill, {PRETRAINING_NOISE_M} for half of pretraining)",
    )  # fmt: skip
    parser.add_argument("--size", type=int, default=64, help="height and width of the pictures (default: 64)")
    parser.add_argument("--workers", type=int, help="processes (default: one per core, for more than 50 episodes)")
    parser.add_argument("--force", action="store_true", help="replace an existing dataset")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")


def run(args: argparse.Namespace) -> int:
    """Record and return the exit code."""
    from retain.data import DatasetWriter

    if args.episodes < 1 or args.size < 16 or (args.noise is not None and args.noise < 0):
        raise ConfigError("expected --episodes of at least 1, --size of at least 16 and --noise of at least 0")
    workers = args.workers or (os.cpu_count() or 1 if args.episodes > 50 else 1)
    started, failed, steps = time.monotonic(), 0, 0
    with (
        DatasetWriter(
            args.output, fps=FPS, robot_type="tabletop", features=_features(args.size), overwrite=args.force
        ) as writer,
        console.progress("recording", args.episodes) as advance,
    ):
        for recording in _recordings(args, workers):
            if not recording.success:
                failed += 1
                continue
            writer.add_episode(recording.task, recording.frames)
            steps += recording.steps
            advance(1)
    summary = {
        "output": str(args.output),
        "episodes": args.episodes,
        "failed_and_left_out": failed,
        "mean_steps_to_success": round(steps / args.episodes, 1),
        "seconds": round(time.monotonic() - started, 1),
    }
    if args.json:
        console.emit_json(summary)
    else:
        console.table("recorded", list(summary), [list(summary.values())])
    return 0


def _recordings(args: argparse.Namespace, workers: int) -> Iterator["Recording"]:
    """Recordings until as many have succeeded as were asked for."""
    from retain.sim import record_episodes

    first = succeeded = 0
    while succeeded < args.episodes:
        missing = args.episodes - succeeded
        jobs = list(_jobs(args, missing, first))
        first += missing
        before = succeeded
        for recording in record_episodes(jobs, args.size, min(workers, missing)):
            succeeded += recording.success
            yield recording
        if succeeded == before and missing > 1:
            raise SimulationError(f"none of {missing} episodes succeeded with --noise {args.noise}; try less noise")


def _jobs(args: argparse.Namespace, n: int, first: int) -> Iterator[tuple["Episode", float]]:
    from retain.sim import demonstrations, parse_instruction, pretraining

    if args.skill is not None:
        for episode in demonstrations(parse_instruction(args.skill), n, args.seed, first):
            yield episode, args.noise or 0.0
        return
    noise = PRETRAINING_NOISE_M if args.noise is None else args.noise
    for index, episode in enumerate(pretraining(n, args.seed, first), start=first):
        yield episode, noise * (index % 2)


def _features(size: int) -> dict[str, "Feature"]:
    from retain.data import camera, vector
    from retain.sim.arm import CHANNELS
    from retain.sim.record import ACTION, IMAGE, STATE

    return {IMAGE: camera(size, size), STATE: vector(CHANNELS), ACTION: vector(CHANNELS)}
