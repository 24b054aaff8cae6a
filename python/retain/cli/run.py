"""`retain run`: a bundle drives a robot from the C++ loop, and the run is reported."""

import argparse
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from retain.cli import console, run_attended, run_devices, run_engine, run_options
from retain.errors import ConfigError

if TYPE_CHECKING:
    from retain.bundle import Bundle
    from retain.runtime import Recording, Run, RunConfiguration
    from retain.sim import Episode

NAME = "run"
HELP = "Let a bundle drive a robot. No torch is needed, and none is imported."
EXAMPLES = """examples:
  retain run BUNDLE --task "place the red block near right"
  retain run BUNDLE --task "push the green block far left" --strategy sync --episodes 10 --suite generalist
  retain run BUNDLE --task "lift the blue block" --virtual --delay 0.2 --strategy rtc-guided
  retain run BUNDLE --task "pick up the cube" --robot feetech --port /dev/ttyACM0 --calibration my_arm.json \\
      --camera front=realsense:123456789012 --camera-mode 640x480@30 --attended --black-box faults
  retain run BUNDLE --task "lift the blue block" --engine tensorrt-native
  retain run --strategy sync --print-config > run.json
  retain run BUNDLE --task "lift the blue block" --config run.json --duration 60

Ctrl-C ramps the arm down within its limits and ends the run; a second Ctrl-C stops streaming at once.
This software is not a safety function and has no PL or SIL: fit an independent emergency stop."""

EXIT_FAULT = 1

add_arguments = run_options.add_options


def run(args: argparse.Namespace) -> int:
    """Run the bundle once, or once for each scene; 1 if a run ended in a fault."""
    run_options.check_options(args)
    configuration = run_options.configuration_of(args)
    if args.print_config:
        print(configuration.model_dump_json(indent=2))
        return 0
    if args.virtual and configuration.attended:
        raise ConfigError("an attended run waits for a person, and in virtual time nobody is there; give --no-attended")
    if configuration.attended:
        run_attended.check_terminal()
    from retain.bundle import Bundle

    bundle = Bundle.open(args.bundle)
    runs: list[Run] = []
    drive = _on_arm if args.robot == "feetech" else _on_tabletop
    with closing(drive(args, bundle, configuration)) as finished:
        for one in finished:
            runs.append(one)
            if one.report.faulted or (one.report.cause == "operator_stop" and not one.report.success):
                break
    if args.save_log:
        runs[-1].record.save(args.save_log)
    _print(args, runs)
    return EXIT_FAULT if any(one.report.faulted for one in runs) else 0


def _on_arm(
    args: argparse.Namespace, bundle: "Bundle", configuration: "RunConfiguration"
) -> "Generator[Run, None, None]":
    from retain.runtime import run_bundle

    recording = _recordings(args, 1)[0]
    engine = run_engine.open_chosen(args, bundle)  # before any motor is addressed
    devices = run_devices.open_arm(args, bundle.manifest)
    try:
        with run_attended.at_terminal(attended=configuration.attended) as operator:
            done = run_bundle(
                bundle, devices, args.task, configuration, engine=engine, operator=operator, recording=recording
            )
    finally:
        devices.close()
    yield done


def _on_tabletop(
    args: argparse.Namespace, bundle: "Bundle", configuration: "RunConfiguration"
) -> "Generator[Run, None, None]":
    from retain.runtime import World, run_bundle, simulate_bundle
    from retain.runtime.mujoco import CAMERA_RATE_HZ, check_tabletop, open_tabletop

    check_tabletop(bundle.manifest)
    scenes = _scenes(args, configuration.seed)
    recordings = _recordings(args, len(scenes))
    engine = run_engine.open_chosen(args, bundle)
    camera = bundle.manifest.observation.cameras[0]
    for number, episode in enumerate(scenes):
        # In virtual time a camera renders when it is asked.
        rate_hz = 0.0 if args.virtual else CAMERA_RATE_HZ
        scene = open_tabletop(episode, camera_size=camera.height, camera_rate_hz=rate_hz)
        one = configuration.model_copy(update={"seed": configuration.seed + number})
        try:
            if args.virtual:
                world = World(delay_s=args.delay or 0.0)
                done = simulate_bundle(bundle, scene.devices, args.task, one, world, engine=engine, watch=scene.watch)
            else:
                with run_attended.at_terminal(attended=configuration.attended) as operator:
                    done = run_bundle(
                        bundle, scene.devices, args.task, one, engine=engine, watch=scene.watch, operator=operator,
                        recording=recordings[number],
                    )  # fmt: skip
        finally:
            scene.devices.close()
            scene.sim.close()
        yield done


def _scenes(args: argparse.Namespace, seed: int) -> "list[Episode]":
    from retain.sim import episodes, parse_instruction

    count = 1 if args.episodes is None else args.episodes
    if count < 1 or (args.delay or 0) < 0:
        raise ConfigError("expected --episodes of at least 1 and --delay of at least 0")
    skill = parse_instruction(args.task)
    # "generalist" goes through skills of its own; here the task is given, and the suite says how its scenes vary.
    return [replace(episode, skill=skill) for episode in episodes(args.suite or "id", skill, count, seed)]


def _recordings(args: argparse.Namespace, count: int) -> "list[Recording | None]":
    """One file per run. Whether they can be made is found out before the first one."""
    from retain.runtime import Recording

    if args.black_box is not None:
        box = Recording.black_box(args.black_box)
        return [box] if count == 1 else [box.numbered(number + 1) for number in range(count)]
    if args.record is None:
        return [None] * count
    whole = Recording(args.record)
    recordings = [whole] if count == 1 else [whole.numbered(number + 1) for number in range(count)]
    for recording in recordings:
        recording.check()
    return list(recordings)


def _print(args: argparse.Namespace, runs: "list[Run]") -> None:
    from retain.runtime.report_rows import report_rows

    done = sum(bool(one.report.success) for one in runs)
    if args.json:
        reports = [one.report.to_json() for one in runs]
        console.emit_json({"task": args.task, "episodes": len(runs), "successes": done, "runs": reports})
        return
    several = (args.episodes or 1) > 1
    for number, one in enumerate(runs):
        title = f"{args.task}, scene {number + 1} of {args.episodes}" if several else args.task
        console.table(title, ("what", "value"), report_rows(one.report))
    if several:
        print(f"success in {done} of {len(runs)} scenes")
