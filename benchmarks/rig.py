"""A whole rig without its hardware, in real time: a RealSense camera, an arm of six Feetech servos, and a bundle.

    python benchmarks/rig.py [--minutes 10]

The camera is librealsense's own software device, fed with noisy pictures of 640 × 480 at 30 a second. The arm is
emulated servos behind a pseudo-terminal at 1 Mbaud, whose cable is a bad one: some of the answers are lost, broken, cut
off or late, and twice nothing passes at all for a moment. The policy is a `compact` of the shipped size with random
weights, exported as any other; it knows nothing and wanders. Everything between is the loop that drives a real arm.
The servos check every goal that reaches them against their limits.
"""

import argparse
import json
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine_facts
from retain._core import realsense as realsense_core
from retain.bench.machine import steal_ticks
from retain.bundle import Bundle
from retain.errors import DeviceError
from retain.flight.plot import Drawn, plot_flight
from retain.runtime import CameraProfile, Devices, Realtime, Recording, Run, RunConfiguration, run_bundle
from retain.runtime.feetech import open_feetech, read_calibration
from retain.runtime.feetech.emulator import EmulatedArm
from retain.runtime.feetech.line_trouble import WireCounts
from retain.runtime.realsense import RealsenseSettings, find_librealsense, open_realsense
from retain.runtime.report_rows import report_rows
from retain.runtime.software_realsense import Sdk, SoftwareCamera

RESULT = Path(__file__).parent / "results" / "rig.json"
TASK = "place the red block near right"
RATE_HZ, DT_S, SIZE = 200.0, 0.1, 64
HEIGHT, WIDTH, FPS = 480, 640, 30
FAULTY_SHARE, INTERRUPTION_S = 0.005, 0.1
STARTS = 5
SHOWN_S = 20.0
"""How much of the run's end is drawn: it has the second interruption."""

CALIBRATION = {
    "shoulder_pan": {"id": 1, "drive_mode": 0, "homing_offset": -1012, "range_min": 750, "range_max": 3300},
    "shoulder_lift": {"id": 2, "drive_mode": 0, "homing_offset": 1365, "range_min": 812, "range_max": 3201},
    "elbow_flex": {"id": 3, "drive_mode": 0, "homing_offset": -2047, "range_min": 901, "range_max": 3110},
    "wrist_flex": {"id": 4, "drive_mode": 1, "homing_offset": 2047, "range_min": 843, "range_max": 3217},
    "wrist_roll": {"id": 5, "drive_mode": 0, "homing_offset": 0, "range_min": 0, "range_max": 4095},
    "gripper": {"id": 6, "drive_mode": 0, "homing_offset": -7, "range_min": 2032, "range_max": 3480},
}
"""In the form of `lerobot-calibrate`; the numbers are made up."""
JOINT_SCALE_RAD, GRIPPER_SCALE = 0.01, 0.03
"""What a normalized 1 is: rows of noise stay far below the velocity limits."""


def wandering_bundle(directory: Path) -> Bundle:
    """A bundle of the shipped architecture for this arm, with random weights.

    What the policy says on the average is taken off as the normalization's offset, so that it wanders instead of
    leaving in one direction.
    """
    import torch
    from retain.export.export import export_policy
    from retain.policy import save_policy
    from retain.policy.compact.configuration import CompactConfig
    from retain.policy.compact.model import CompactPolicy
    from retain.policy.normalization import Affine
    from retain.policy.tokenization import train_tokenizer

    torch.set_num_threads(1)
    torch.manual_seed(0)
    spec, sizes = _spec(), CompactConfig()
    tokenizer = train_tokenizer([TASK], vocabulary=sizes.vocabulary, max_tokens=spec.max_tokens)
    policy = CompactPolicy(spec, sizes, tokenizer).eval()
    draws = 32
    images = np.random.default_rng(0).integers(96, 160, (draws, SIZE, SIZE, 3), np.uint8)
    state = np.tile(np.array([0, 0, 0, 0, 0, 0.5], np.float32), (draws, 1))
    chunks = policy.predict_chunk(
        {"front": images}, state, [TASK] * draws, generator=torch.Generator().manual_seed(0)
    )  # [draws, H, A]
    offset = spec.normalization.action.offset - (chunks.mean(axis=(0, 1)) - state[0])
    action = Affine(tuple(float(value) for value in offset), spec.normalization.action.scale)
    policy.spec = replace(spec, normalization=replace(spec.normalization, action=action))
    save_policy(policy, directory / "policy")
    export_policy(directory / "policy", directory / "wandering.bundle")
    return Bundle.open(directory / "wandering.bundle")


def _spec() -> Any:
    from retain.policy import ActionChannel, Affine, CameraSpec, Channel, FlowSpec, Normalization, PolicySpec

    joints = tuple(name for name in CALIBRATION if name != "gripper")
    centre = (*[0.0] * len(joints), 0.5)
    return PolicySpec(
        family="compact",
        cameras=(CameraSpec("front", SIZE, SIZE),),
        state=(*(Channel(name, "rad") for name in joints), Channel("gripper", "1")),
        action=(
            *(ActionChannel(name, "rad", "delta", "linear") for name in joints),
            ActionChannel("gripper", "1", "absolute", "linear"),
        ),
        dt_s=DT_S,
        horizon=16,
        n_action_steps=4,
        max_tokens=16,
        flow=FlowSpec(steps=8),
        max_trained_delay=6,
        normalization=Normalization(
            Affine(centre, (*[1.0] * len(joints), 0.3)),
            Affine(centre, (*[JOINT_SCALE_RAD] * len(joints), GRIPPER_SCALE)),
        ),
    )


@contextmanager
def software_camera(library: Path, context: realsense_core.Context) -> Iterator[SoftwareCamera]:
    """A camera that sends noise until the end, stamped with CLOCK_MONOTONIC when its picture is made."""
    camera = SoftwareCamera(Sdk(library), "101", modes=((WIDTH, HEIGHT, FPS),))
    context.attach(camera.address)
    over = threading.Event()

    def film() -> None:
        random, number, due_s = np.random.default_rng(0), 0, time.monotonic()
        while not over.wait(max(0.0, due_s - time.monotonic())):
            number += 1
            due_s = max(due_s + 1 / FPS, time.monotonic() - 1 / FPS)
            taken_ms = 1e3 * time.monotonic()
            camera.send_color(random.integers(96, 160, (HEIGHT, WIDTH, 3), np.uint8), number, taken_ms)

    thread = threading.Thread(target=film)
    thread.start()
    try:
        yield camera
    finally:
        over.set()
        thread.join()
        context.detach(camera.address)
        camera.delete()


@contextmanager
def bad_cable(arm: EmulatedArm, seconds: float) -> Iterator[None]:
    """Faulty answers from the first goals on, and two interruptions, at a third of the time and near its end."""
    over = threading.Event()

    def trouble() -> None:
        before = arm.goals()[0]
        while arm.goals()[0] < before + 200:  # the arm has started, and goals are streaming
            if over.wait(0.1):
                return
        begun_s = time.monotonic()
        arm.disturb(FAULTY_SHARE)
        for at_s in (seconds / 3, max(2 * seconds / 3, seconds - 10)):
            if over.wait(max(0.0, begun_s + at_s - time.monotonic())):
                return
            arm.interrupt(INTERRUPTION_S)

    thread = threading.Thread(target=trouble)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@dataclass(frozen=True)
class Driven:
    """The run, what the wire saw of it, and how often it was started: a busy machine may miss the first state."""

    run: Run
    wire: WireCounts
    devices: Devices
    starts: int


def drive(directory: Path, bundle: Bundle, configuration: RunConfiguration) -> Driven:
    """Put the rig together and let the bundle drive it."""
    calibration = directory / "arm.json"
    calibration.write_text(json.dumps(CALIBRATION, indent=4))
    with ExitStack() as stack:
        library = find_librealsense()
        context = realsense_core.Context(library)
        stack.enter_context(software_camera(library, context))
        cameras = open_realsense(
            {"front": "101"},
            (CameraProfile("front", SIZE, SIZE),),
            RealsenseSettings(mode=(HEIGHT, WIDTH), fps=FPS, crop_to_square=True),
            context=context,
        )
        arm = stack.enter_context(EmulatedArm(read_calibration(calibration)))
        devices = open_feetech(arm.port, calibration, cameras=cameras)
        black_box = Recording.black_box(directory / "blackbox")
        for starts in range(1, STARTS + 1):
            try:
                with bad_cable(arm, configuration.duration_s):
                    run = run_bundle(bundle, devices, TASK, configuration, recording=black_box)
                break
            except DeviceError:
                if starts == STARTS:
                    raise
        wire = arm.wire()
        cameras[0].close()
    return Driven(run, wire, devices, starts)


def draw(run: Run, devices: Devices, title: str, path: Path) -> None:
    """The run's last seconds, by the code of `retain plot`."""
    record, channels = run.record, devices.profile.channels
    shown = record.time_s > record.time_s[-1] - SHOWN_S
    cut = {name: value[shown] for name, value in vars(record).items() if isinstance(value, np.ndarray)}
    drawn = Drawn(
        replace(record, **cut),
        RATE_HZ,
        units=tuple(channel.unit for channel in channels),
        velocity=np.array([channel.velocity for channel in channels]),
        title=title,
        subtitle=(
            f"The end of a run of {run.report.duration_s:.0f} s. Emulated servos at 1 Mbaud, a RealSense software"
            f" device, a compact policy with random weights, {run.report.strategy} at {RATE_HZ:.0f} Hz. Where the"
            f" measurement stands still, nothing passed on the cable for {1e3 * INTERRUPTION_S:.0f} ms."
        ),
    )
    plot_flight(drawn, path)


def main() -> int:
    """Run, print, write the JSON and the picture; 1 if something was not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument(
        "--priority", type=int, default=80, help="of the tick thread; 0: the normal class (default: 80)"
    )
    parser.add_argument(
        "--patience", type=float, default=1.0, help="all of the loop's time limits times this, for a busy machine"
    )
    parser.add_argument("--output", type=Path, default=RESULT, help="JSON to write, with a PNG beside it")
    args = parser.parse_args()
    usual = RunConfiguration(rate_hz=RATE_HZ)
    configuration = RunConfiguration.checked(
        rate_hz=RATE_HZ,
        strategy="rtc-prefix",
        duration_s=60 * args.minutes,
        max_frame_age_s=args.patience * usual.max_frame_age_s,
        state_timeout_s=args.patience * usual.state_timeout_s,
        inference_timeout_s=args.patience * usual.inference_timeout_s,
        hold_timeout_s=args.patience * 2 * 4 * DT_S,
        start_timeout_s=args.patience * usual.start_timeout_s,
        overruns_to_stop=min(1.0, args.patience * usual.overruns_to_stop),
        realtime=Realtime(priority=args.priority or None, lock_memory=bool(args.priority)),
    )
    before = machine_facts(("numpy", "onnxruntime", "pyrealsense2", "torch"))
    with tempfile.TemporaryDirectory() as directory:
        bundle = wandering_bundle(Path(directory))
        stolen, passed = steal_ticks()
        driven = drive(Path(directory), bundle, configuration)
        stolen, passed = (now - then for now, then in zip(steal_ticks(), (stolen, passed), strict=True))
        black_boxes = len(list((Path(directory) / "blackbox").glob("*.mcap")))
    run, wire = driven.run, driven.wire
    report = run.report
    finite = sum(channel.limiter_nonfinite for channel in report.channels) + report.rejected_not_finite == 0
    verdict = {
        "it ended when its time was over": report.cause == "time_over",
        "every goal that reached a servo was within its limits": wire.goals > 0 and wire.goals_outside == 0,
        "every target and command was finite": bool(finite and np.isfinite(run.record.sent).all()),
        "both interruptions were survived": wire.interruptions == 2,
        "no tick's record was lost": report.records_lost == 0,
    }
    result = {
        "machine": {
            **before,
            "load_1min_after": machine_facts()["load_1min"],
            "steal_percent_of_the_run": round(100.0 * stolen / max(passed, 1), 2),
        },
        "policy": "compact of the shipped size, random weights",
        "hardware": "none: librealsense's software device, emulated servos behind a pseudo-terminal",
        "rate_hz": RATE_HZ,
        "faulty_share_of_answers": FAULTY_SHARE,
        "interruption_s": INTERRUPTION_S,
        "state_timeout_s": configuration.state_timeout_s,
        "starts": driven.starts,
        "verdict": verdict,
        "wire": asdict(wire),
        "black_boxes_written": black_boxes,
        "report": report.to_json(),
    }
    args.output.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    title = f"{wire.goals:,} goals on the wire, {wire.goals_outside} outside the servos' limits"
    draw(run, driven.devices, title, args.output.with_suffix(".png"))
    for what, value in [*report_rows(report), *((what, str(value)) for what, value in asdict(wire).items())]:
        print(f"{what:<20} {value}")
    print(json.dumps(verdict, indent=1))
    return 0 if all(verdict.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
