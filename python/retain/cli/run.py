"""`retain run`: a bundle drives a robot from the C++ loop, and the run is reported."""

import argparse
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retain.cli import console
from retain.errors import ConfigError

if TYPE_CHECKING:
    from retain.runtime import Run, RunConfiguration, Status
    from retain.runtime.mujoco import TabletopRun
    from retain.sim import Episode

NAME = "run"
HELP = "Let a bundle drive a robot. No torch is needed, and none is imported."
EXAMPLES = """examples:
  retain run BUNDLE --task "place the red block near right"
  retain run BUNDLE --task "push the green block far left" --strategy sync --episodes 10 --suite generalist
  retain run BUNDLE --task "lift the blue block" --duration 5 --save-log run.npz

Ctrl-C ramps the arm down within its limits and ends the run; a second Ctrl-C stops streaming at once.
This software is not a safety function and has no PL or SIL: fit an independent emergency stop."""

EXIT_FAULT = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="a directory made by `retain merge-export`")
    parser.add_argument("--robot", choices=("mujoco",), default="mujoco", help="what to drive (default: mujoco)")
    parser.add_argument("--task", required=True, metavar="WORDS", help="what to do")
    parser.add_argument(
        "--duration", type=float, default=20.0, metavar="S", help="longest time per episode (default: 20)"
    )
    parser.add_argument("--rate", type=float, default=500.0, metavar="HZ", help="ticks per second (default: 500)")
    parser.add_argument(
        "--strategy", choices=("async", "sync", "ensemble", "rtc-guided", "rtc-prefix"), default="async",
        help="ask for the next chunk while one plays and play the newest (async), the mean of all (ensemble) or one"
        " that goes on from the old (rtc-guided, rtc-prefix); or look, ask and wait between chunks (sync)",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="draws the scenes and the policy's noise (default: 0)")
    parser.add_argument("--suite", default="id", help="how scenes are varied, as in `retain evaluate` (default: id)")
    parser.add_argument("--episodes", type=int, default=1, metavar="K", help="scenes to run, one by one (default: 1)")
    parser.add_argument(
        "--priority", type=int, default=80, help="SCHED_FIFO priority of the tick; 0: none (default: 80)"
    )
    parser.add_argument("--save-log", type=Path, metavar="FILE", help="write the last episode's flight record (.npz)")
    parser.add_argument("--json", action="store_true", help="print the reports as one JSON object")


@dataclass(frozen=True)
class _Outcome:
    episode: "Episode"
    run: "Run"


def run(args: argparse.Namespace) -> int:
    """Run the episodes; 1 if one of them ended in a fault."""
    from retain.bundle import Bundle
    from retain.engine import open_engine
    from retain.runtime import Realtime, RunConfiguration
    from retain.runtime.mujoco import check_tabletop, open_tabletop

    if args.episodes < 1 or args.seed < 0:
        raise ConfigError("expected --episodes of at least 1 and --seed of at least 0")
    configuration = RunConfiguration.checked(
        rate_hz=args.rate,
        strategy=args.strategy,
        duration_s=args.duration,
        seed=args.seed,
        realtime=Realtime(priority=args.priority or None),
        log_s=max(args.duration + 2.0, 1.0),
    )
    bundle = Bundle.open(args.bundle)
    check_tabletop(bundle.manifest)
    scenes = _episodes(args)
    engine = open_engine(bundle)
    camera = bundle.manifest.observation.cameras[0]
    outcomes: list[_Outcome] = []
    for number, episode in enumerate(scenes):
        scene = open_tabletop(episode, camera_size=camera.height)
        one = configuration.model_copy(update={"seed": args.seed + number})
        outcome = _Outcome(episode, _run_one(bundle, scene, args.task, one, engine))
        outcomes.append(outcome)
        scene.sim.close()
        report = outcome.run.report
        if report.faulted or (report.cause == "operator_stop" and not report.success):
            break
    if args.save_log:
        outcomes[-1].run.record.save(args.save_log)
    _print(args, outcomes)
    return EXIT_FAULT if any(outcome.run.report.faulted for outcome in outcomes) else 0


def _episodes(args: argparse.Namespace) -> "list[Episode]":
    from retain.sim import episodes, parse_instruction

    skill = parse_instruction(args.task)
    # "generalist" goes through skills of its own; here the task is given, and the suite says how its scenes vary.
    return [replace(episode, skill=skill) for episode in episodes(args.suite, skill, args.episodes, args.seed)]


def _run_one(bundle: Any, scene: "TabletopRun", task: str, configuration: "RunConfiguration", engine: Any) -> "Run":
    from retain.runtime import run_bundle

    with console.stderr.status("warming up") if console.stderr.is_terminal else nullcontext() as line:

        def watch(status: "Status") -> bool:
            if line is not None:
                line.update(f"{status.running_s:5.1f} s   {status.chunks} chunks   {status.ticks} ticks")
            return scene.watch(status)

        return run_bundle(bundle, scene.devices, task, configuration, engine=engine, watch=watch)


def _print(args: argparse.Namespace, outcomes: list[_Outcome]) -> None:
    from retain.runtime.report import report_rows

    done = sum(bool(outcome.run.report.success) for outcome in outcomes)
    if args.json:
        reports = [outcome.run.report.to_json() for outcome in outcomes]
        console.emit_json({"task": args.task, "episodes": len(outcomes), "successes": done, "runs": reports})
        return
    for number, outcome in enumerate(outcomes):
        title = f"{args.task}, scene {number + 1} of {args.episodes}" if args.episodes > 1 else args.task
        console.table(title, ("what", "value"), report_rows(outcome.run.report))
    if args.episodes > 1:
        print(f"success in {done} of {len(outcomes)} scenes")
