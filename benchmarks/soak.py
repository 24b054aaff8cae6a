"""An hour of the loop in real time on the simulated arm, with a fault every minute: nothing may be lost, nothing grow.

    python benchmarks/soak.py [--minutes 60] [--strategy rtc-prefix]

The shipped base drives the tabletop at 500 Hz. Once a minute one fault of seven is switched on, in turn, on the way
between the loop and its devices; the loop must end in a fault with the right cause and hold the arm, and go on when the
operator (this script) has mended it and re-arms. Every command is checked afterwards where the flight record has it.
"""

import argparse
import json
import os
import resource
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine_facts
from retain._core import rehearsal as faults
from retain._core import runtime as core
from retain.bundle import Bundle
from retain.engine import open_engine
from retain.runtime import Devices, RunConfiguration
from retain.runtime.loop import prepare
from retain.runtime.mujoco import open_tabletop
from retain.sim import LIMITS, episodes, parse_instruction

RESULT = Path(__file__).parent / "results" / "soak.json"
TASK = "push the blue block far left"
PATIENCE_S = 30.0
POLL_S = 0.02


@dataclass(frozen=True)
class Kind:
    """A fault, the setting that switches it on, and the cause by which the loop must know it."""

    name: str
    switch: str
    value: float | bool
    cause: str


KINDS = (
    Kind("camera sends nothing", "camera_silent", True, "stale_frames"),
    Kind("camera unplugged", "camera_lost", True, "camera_lost"),
    Kind("camera repeats one picture", "camera_repeats", True, "stale_frames"),
    Kind("engine answers NaN", "not_a_number", True, "rejected_chunks"),
    Kind("engine hangs for 5 s", "delay_s", 5.0, "engine_hung"),
    Kind("arm is not where it was sent", "displaced", 1.0, "following_error"),
    Kind("motors at 200 °C", "hot", True, "overheated"),
)


@dataclass(frozen=True)
class Event:
    """One fault: how long until the arm stood in a fault, and how long until it ran again after it was mended."""

    at_s: float
    kind: str
    cause: str
    expected: str
    to_fault_s: float
    to_running_s: float


def main() -> int:
    """Run, print, write the JSON; 1 if a fault was not met as it should, or something was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, required=True, help="a tabletop bundle: retain export compact-base -o …")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--every", type=float, default=60.0, metavar="S", help="seconds between faults (default: 60)")
    parser.add_argument("--strategy", default="rtc-prefix")
    parser.add_argument("--output", type=Path, default=RESULT)
    args = parser.parse_args()
    configuration = RunConfiguration.checked(
        strategy=args.strategy, duration_s=0, attended=True, log_s=120.0, overruns_to_stop=1.0, inference_timeout_s=1.0
    )
    script = faults.Rehearsal()
    loop = _loop(args.bundle, configuration, script)
    started = time.monotonic()
    loop.start()
    events: list[Event] = []
    memory: list[tuple[float, float]] = []
    while (now := time.monotonic() - started) < 60 * args.minutes:
        due = (len(events) + 1) * args.every
        if not memory or now - memory[-1][0] >= 10:
            memory.append((now, _resident_mib()))
        if now >= due:
            events.append(_fault(loop, script, KINDS[len(events) % len(KINDS)], started))
            print(f"{now / 60:6.1f} min  {events[-1].kind}: {events[-1].cause}", flush=True)
        elif loop.wait(POLL_S):
            break
    loop.request_stop()
    while not loop.wait(1.0):
        pass
    result = _result(args, loop.report(), loop.records(), events, memory)
    args.output.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(result["verdict"], indent=1, ensure_ascii=False))
    return 0 if all(result["verdict"].values()) else 1


def _loop(path: Path, configuration: RunConfiguration, script: faults.Rehearsal) -> core.Loop:
    bundle = Bundle.open(path)
    scene = open_tabletop(episodes("id", parse_instruction(TASK), 1, seed=0)[0])
    real = scene.devices
    cameras = tuple(faults.RehearsedCamera(camera, script) for camera in real.cameras)
    devices = Devices(real.profile, faults.RehearsedRobot(real.robot, script), cameras)
    config, engine = prepare(bundle, devices, TASK, configuration, open_engine(bundle))
    config.temperature_limit_c = 80.0  # the simulated arm has no thermometer; the rehearsal's has
    return core.Loop(config, devices.robot, list(cameras), faults.RehearsedEngine(engine, script))


def _fault(loop: core.Loop, script: faults.Rehearsal, kind: Kind, started: float) -> Event:
    begun = time.monotonic()
    setattr(script, kind.switch, kind.value)
    _until(loop, lambda: loop.status()["state"] == "fault", lambda: None)
    cause, stood = loop.status()["cause"], time.monotonic()
    setattr(script, kind.switch, type(kind.value)(0))
    _until(loop, lambda: loop.status()["state"] == "running", loop.request_rearm)
    ran = time.monotonic()
    return Event(begun - started, kind.name, cause, kind.cause, stood - begun, ran - stood)


def _until(loop: core.Loop, condition: Callable[[], bool], meanwhile: Callable[[], None]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition() and time.monotonic() < deadline and not loop.wait(POLL_S):
        meanwhile()


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 2**20


def _result(
    args: argparse.Namespace,
    report: dict[str, Any],
    records: dict[str, Any],
    events: list[Event],
    memory: list[tuple[float, float]],
) -> dict[str, Any]:
    seconds, mib = (np.array(column) for column in zip(*memory, strict=True))
    settled = seconds >= min(300.0, seconds[-1] / 4)  # allocators and caches fill up first
    slope = float(np.polyfit(seconds[settled] / 3600, mib[settled], 1)[0]) if settled.sum() > 2 else 0.0
    sent = records["sent"][:, :6]
    step = np.abs(np.diff(sent, axis=0)) * 500.0
    growth = float(mib[-1] - np.median(mib[settled][:12]))
    verdict = {
        "every fault was met with its cause": all(event.cause == event.expected for event in events),
        "the arm ran again after every fault": all(event.to_running_s < PATIENCE_S for event in events),
        "no record was lost": report["records_lost"] == 0,
        "no growth in memory": growth < 8.0,
        "every command kept is finite and within the velocity limits": bool(
            np.isfinite(sent).all() and (step <= LIMITS.velocity * (1 + 1e-6)).all()
        ),
    }
    return {
        "machine": machine_facts(("numpy", "onnxruntime", "mujoco")),
        "minutes": args.minutes,
        "strategy": args.strategy,
        "rate_hz": 500.0,
        "verdict": verdict,
        "faults": [asdict(event) for event in events],
        "memory_mib": {
            "first": mib[0],
            "settled": float(np.median(mib[settled][:12])),
            "last": mib[-1],
            "growth": growth,
            "slope_per_hour": slope,
            "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        },
        "report": report,
    }


if __name__ == "__main__":
    raise SystemExit(main())
