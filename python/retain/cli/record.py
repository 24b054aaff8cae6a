"""`retain record`: scripted experts do episodes in a world and a LeRobotDataset is written."""

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retain.cli import console
from retain.errors import ConfigError, SimulationError

if TYPE_CHECKING:
    from retain.data import Feature
    from retain.sim import Recording
    from retain.worlds import Episode, World

NAME = "record"
HELP = "Record demonstrations of scripted experts, on the tabletop or in Meta-World, as a LeRobotDataset."
EXAMPLES = """examples:
  retain record --skill "place the red block near right" --episodes 20 -o demos
  retain record --pretraining --episodes 6000 --workers 2 -o data/pretrain
  retain record --world metaworld --skill push-v3 --episodes 20 -o push
  retain record --world metaworld --pretraining --without push-v3 --episodes 500 -o mt10"""

PRETRAINING_NOISE_M = {"tabletop": 0.01, "metaworld": 0.003}
"""Half of the pretraining episodes are executed with this much noise, so that the policy learns to come back."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--skill", metavar="WORDS", help="demonstrate one skill, in its narrow region")
    what.add_argument("--pretraining", action="store_true", help="the mix of all pretraining skills, everywhere")
    parser.add_argument("--world", default="tabletop", metavar="NAME", help="tabletop or metaworld (default: tabletop)")
    parser.add_argument("--without", metavar="SKILL", help="leave a skill out of Meta-World's pretraining mix")
    parser.add_argument("-n", "--episodes", type=int, default=20, help="successful episodes to record (default: 20)")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="the dataset to write")
    parser.add_argument("--seed", type=int, default=0, help="draws the scenes (default: 0)")
    parser.add_argument(
        "--noise", type=float, metavar="M",
        help="noise on the executed motion, m (default: 0 for a skill; for half of pretraining 0.01, Meta-World 0.003)",
    )  # fmt: skip
    parser.add_argument("--cameras", metavar="ROLES", help="comma-separated (default: the world's first)")
    parser.add_argument("--size", type=int, default=64, help="height and width of the pictures (default: 64)")
    parser.add_argument("--workers", type=int, help="processes (default: one per core, for more than 50 episodes)")
    parser.add_argument("--force", action="store_true", help="replace an existing dataset")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")


def run(args: argparse.Namespace) -> int:
    """Record and return the exit code."""
    from retain.data import DatasetWriter
    from retain.worlds import find_world

    if args.episodes < 1 or args.size < 16 or (args.noise is not None and args.noise < 0):
        raise ConfigError("expected --episodes of at least 1, --size of at least 16 and --noise of at least 0")
    world = find_world(args.world)
    cameras = _cameras(args, world)
    workers = args.workers or (os.cpu_count() or 1 if args.episodes > 50 else 1)
    started, failed, steps = time.monotonic(), 0, 0
    features = _features(world, cameras, args.size)
    fps = round(1 / world.dt_s[0])
    with (
        DatasetWriter(args.output, fps=fps, robot_type=world.name, features=features, overwrite=args.force) as writer,
        console.progress("recording", args.episodes) as advance,
    ):
        for recording in _recordings(args, world, cameras, workers):
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


def _recordings(
    args: argparse.Namespace, world: "World", cameras: tuple[str, ...], workers: int
) -> Iterator["Recording"]:
    """Recordings until as many have succeeded as were asked for."""
    first = succeeded = 0
    while succeeded < args.episodes:
        missing = args.episodes - succeeded
        jobs = list(_jobs(args, world, missing, first))
        first += missing
        before = succeeded
        for recording in _record(world, jobs, cameras, args.size, min(workers, missing)):
            succeeded += recording.success
            yield recording
        if succeeded == before and missing > 1:
            raise SimulationError(f"none of {missing} episodes succeeded with --noise {args.noise}; try less noise")


def _record(
    world: "World", jobs: list[tuple[Any, float]], cameras: tuple[str, ...], size: int, workers: int
) -> Iterator["Recording"]:
    if world.name == "tabletop":
        # Its noise leads the cup astray, not the joints.
        from retain.sim import record_episodes

        return record_episodes(jobs, size, workers)
    from retain.worlds.record import record_episodes as record_in

    return record_in(world, jobs, cameras, size, workers)


def _jobs(args: argparse.Namespace, world: "World", n: int, first: int) -> Iterator[tuple["Episode", float]]:
    if args.skill is not None:
        for episode in world.demonstrations(args.skill, n, args.seed, first):
            yield episode, args.noise or 0.0
        return
    noise = PRETRAINING_NOISE_M.get(world.name, 0.0) if args.noise is None else args.noise
    for index, episode in enumerate(world.pretraining(n, args.seed, first, args.without), start=first):
        yield episode, noise * (index % 2)


def _cameras(args: argparse.Namespace, world: "World") -> tuple[str, ...]:
    if args.without is not None and not args.pretraining:
        raise ConfigError("--without leaves a skill out of a mix; give it with --pretraining")
    cameras = tuple(args.cameras.split(",")) if args.cameras else world.cameras[:1]
    if unknown := [camera for camera in cameras if camera not in world.cameras]:
        raise ConfigError(f"{world.name} has no camera {unknown[0]!r}; expected some of {', '.join(world.cameras)}")
    return cameras


def _features(world: "World", cameras: tuple[str, ...], size: int) -> dict[str, "Feature"]:
    from retain.data import camera, vector
    from retain.worlds.record import ACTION, IMAGES, STATE

    pictures = {IMAGES + role: camera(size, size) for role in cameras}
    return pictures | {STATE: vector(world.state), ACTION: vector(world.action)}
