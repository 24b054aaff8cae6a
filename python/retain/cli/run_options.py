"""The options of `retain run`, and the one configuration that they and a file make."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retain.cli import run_engine
from retain.errors import ConfigError

if TYPE_CHECKING:
    from retain.runtime import RunConfiguration

RATE_HZ = {"mujoco": 500.0, "feetech": 200.0}
"""Ticks per second where nobody says. A servo bus of 1 Mbaud takes 1.4 ms for six servos (docs/feetech.md)."""

STRATEGIES = ("async", "sync", "ensemble", "rtc-guided", "rtc-prefix")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare them, in the groups that --help shows."""
    parser.add_argument(
        "bundle", type=Path, metavar="BUNDLE", nargs="?", help="a directory made by `retain merge-export`"
    )
    parser.add_argument("--task", metavar="WORDS", help="what to do")
    parser.add_argument("--json", action="store_true", help="print the reports as one JSON object")
    _add_robot(parser.add_argument_group("the robot"))
    _add_loop(parser.add_argument_group("the loop"))
    run_engine.add_options(parser.add_argument_group("the engine"))
    _add_keeping(parser.add_argument_group("what is kept"))
    _add_simulated(parser.add_argument_group("the simulated robot only (--robot mujoco)"))


def _add_robot(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--robot", choices=tuple(RATE_HZ), default="mujoco", help="what to drive (default: mujoco)")
    group.add_argument("--port", metavar="DEVICE", help="feetech: the serial port, e.g. /dev/ttyACM0")
    group.add_argument(
        "--calibration", type=Path, metavar="FILE", help="feetech: what `lerobot-calibrate` wrote for this arm"
    )
    group.add_argument(
        "--answer-margin", type=float, metavar="S",
        help="feetech: what adapter and system may add to an answer's own time (default: 0.002; an FTDI adapter adds up"
        " to 0.016 unless its latency timer is set)",
    )  # fmt: skip
    group.add_argument(
        "--camera", action="append", default=[], metavar="ROLE=SOURCE",
        help="feetech: a camera of the policy, once for each: realsense:SERIAL, realsense (the only one connected),"
        " recording:FILE.db3 or a USB webcam, v4l2:/dev/video0",
    )  # fmt: skip
    group.add_argument(
        "--camera-mode", metavar="WxH[@FPS]",
        help="feetech: what the cameras send, e.g. 640x480@30; the policy sees the central square, made smaller"
        " (default: the policy's own size at 30)",
    )  # fmt: skip


def _add_loop(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--config", type=Path, metavar="FILE", help="fields of RunConfiguration as JSON; options win")
    group.add_argument("--print-config", action="store_true", help="print the configuration as --config takes it; end")
    group.add_argument("--duration", type=float, metavar="S", help="longest time per run; 0: no limit (default: 20)")
    group.add_argument("--rate", type=float, metavar="HZ", help="ticks per second (default: mujoco 500, feetech 200)")
    group.add_argument(
        "--strategy", choices=STRATEGIES,
        help="ask for the next chunk while one plays and play the newest (async, the default), the mean of all"
        " (ensemble) or one that goes on from the old (rtc-guided, rtc-prefix); or look, ask and wait between chunks"
        " (sync)",
    )  # fmt: skip
    group.add_argument(
        "--execute-rows", type=int, metavar="S", help="rows between two requests (default: the bundle's)"
    )
    group.add_argument("--overlap", choices=("latest", "weighted"), help="async: where two chunks overlap")
    group.add_argument(
        "--workspace", nargs=6, type=float, metavar=("X0", "Y0", "Z0", "X1", "Y1", "Z1"),
        help="a box in the robot's base frame [m] that the tool never leaves",
    )  # fmt: skip
    group.add_argument(
        "--attended", action=argparse.BooleanOptionalAction, default=None,
        help="after a fault that left the arm at rest, wait for Enter to re-arm (Ctrl-C: end)",
    )  # fmt: skip
    group.add_argument("--seed", type=int, metavar="N", help="draws the policy's noise, and the scenes (default: 0)")
    group.add_argument("--priority", type=int, metavar="P", help="SCHED_FIFO, of the tick; 0: none (default: 80)")
    group.add_argument("--cpu", type=int, metavar="N", help="core of the tick (default: any)")


def _add_keeping(group: argparse._ArgumentGroup) -> None:
    kept = group.add_mutually_exclusive_group()
    kept.add_argument(
        "--record", type=Path, metavar="FILE", help="record everything as MCAP (with --episodes: FILE-1, …)"
    )
    kept.add_argument("--black-box", type=Path, metavar="DIR", help="keep the last 30 s, and write them after a fault")
    group.add_argument("--save-log", type=Path, metavar="FILE", help="write the last run's flight record (.npz)")


def _add_simulated(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--suite", metavar="NAME", help="how scenes are varied, as in `retain evaluate` (default: id)")
    group.add_argument("--episodes", type=int, metavar="K", help="scenes to run, one by one (default: 1)")
    group.add_argument("--virtual", action="store_true", help="in virtual time: repeatable, and faster than real time")
    group.add_argument("--delay", type=float, metavar="S", help="with --virtual: how long a request takes (default: 0)")


def check_options(args: argparse.Namespace) -> None:
    """Refuse what would be left without effect.

    Raises:
        ConfigError: Names the option, and what it belongs to.
    """
    given = {name for name, value in vars(args).items() if value is not None and value is not False and value != []}
    for name, robot in {
        **dict.fromkeys(("port", "calibration", "answer_margin", "camera", "camera_mode"), "feetech"),
        **dict.fromkeys(("suite", "episodes", "virtual", "delay"), "mujoco"),
    }.items():
        if name in given and args.robot != robot:
            raise ConfigError(
                f"{_option(name)} belongs to --robot {robot}, and this run drives {args.robot}; leave it out"
            )
    for name in ("record", "black_box", "attended", "priority", "cpu"):
        if name in given and args.virtual:
            raise ConfigError(f"{_option(name)} has no effect in virtual time; leave out either it or --virtual")
    if "delay" in given and not args.virtual:
        raise ConfigError("--delay is how long a request takes in virtual time; give --virtual too, or leave it out")
    if args.print_config:
        return
    for name in ("bundle", "task", *(("port", "calibration") if args.robot == "feetech" else ())):
        if name not in given:
            raise ConfigError(f"{'BUNDLE' if name == 'bundle' else _option(name)} is missing; see: retain run --help")


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def configuration_of(args: argparse.Namespace) -> "RunConfiguration":
    """The file's fields, over them the options, under both the defaults.

    Raises:
        ConfigError: The file cannot be read, or a value is impossible.
    """
    from retain.runtime import RunConfiguration

    values = _read(args.config) if args.config is not None else {}
    named = {
        "duration_s": args.duration, "rate_hz": args.rate, "strategy": args.strategy, "overlap": args.overlap,
        "execute_rows": args.execute_rows, "attended": args.attended, "seed": args.seed,
    }  # fmt: skip
    values.update({field: value for field, value in named.items() if value is not None})
    if args.workspace is not None:
        values["workspace"] = {"low_m": args.workspace[:3], "high_m": args.workspace[3:]}
    realtime = {"cpu": args.cpu} if args.cpu is not None else {}
    if args.priority is not None:
        realtime["priority"] = args.priority or None
    if realtime:
        written = values.get("realtime", {})
        values["realtime"] = {**written, **realtime} if isinstance(written, dict) else written
    values.setdefault("rate_hz", RATE_HZ[args.robot])
    configuration = RunConfiguration.checked(**values)
    if args.overlap == "weighted" and configuration.strategy != "async":
        raise ConfigError(f"--overlap is for --strategy async, and this one is {configuration.strategy}; leave it out")
    if "log_s" not in values and configuration.duration_s > 0:
        configuration = configuration.model_copy(update={"log_s": configuration.duration_s + 2.0})
    return configuration


def _read(file: Path) -> dict[str, Any]:
    try:
        values = json.loads(file.read_text())
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}; write one with: retain run --print-config") from error
    except ValueError as error:
        raise ConfigError(f"{file} is no JSON ({error}); write one with: retain run --print-config") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{file} holds no JSON object; write one with: retain run --print-config")
    return values
