"""Run a bundle on a robot: check that they fit, assemble the C++ loop, wait for its end, hand back what happened."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from retain._core import engine as engine_core
from retain._core import runtime as core
from retain.bundle import Bundle
from retain.engine import open_engine
from retain.errors import DeviceError, RetainError
from retain.runtime.configuration import RunConfiguration
from retain.runtime.fit import check_fit
from retain.runtime.flight_record import FlightRecord
from retain.runtime.loop_config import channels_of, check_rows_left, loop_config
from retain.runtime.profile import RobotProfile
from retain.runtime.recording import Recording, recording_config
from retain.runtime.report import RunReport, report_from_core

WATCH_PERIOD_S = 0.05


@dataclass(frozen=True)
class Devices:
    """An arm and its cameras, with the profile that says what they are."""

    profile: RobotProfile
    robot: core.Robot
    cameras: tuple[core.Camera, ...]

    def trouble(self) -> str:
        """What went wrong in the devices' own code, in a sentence; empty for devices in C++, which count instead."""
        return ""

    def close(self) -> None:
        """Let go of what was opened for these devices; those in C++ do so when they are forgotten."""


@dataclass(frozen=True)
class Status:
    """A running loop at one moment."""

    state: str
    cause: str
    running_s: float
    ticks: int
    chunks: int


Watch = Callable[[Status], bool]
"""Called about twenty times a second while the arm moves; True says that the task is done, and ends the run."""

Answer = Literal["rearm", "stop"]
Operator = Callable[[Status], Answer | None]
"""A person's eyes and hands: called about twenty times a second while the loop runs; must not wait. "rearm" lets an
attended run go on after a fault, once what was wrong is mended; "stop" ends any run at rest; None changes nothing."""


@dataclass(frozen=True)
class Run:
    """A finished run: the report, and the flight record of its end."""

    report: RunReport
    record: FlightRecord


def run_bundle(
    bundle: Bundle,
    devices: Devices,
    instruction: str,
    configuration: RunConfiguration | None = None,
    *,
    engine: engine_core.Engine | None = None,
    watch: Watch | None = None,
    operator: Operator | None = None,
    recording: Recording | None = None,
) -> Run:
    """Let a bundle's policy drive a robot until the task is done, the time is over, or something stops it.

    SIGINT and SIGTERM ramp the arm down within its limits and end the run; a second one stops streaming at once.

    Args:
        bundle: An opened bundle.
        devices: The robot.
        instruction: What to do, in words.
        configuration: How to run; None takes the defaults.
        engine: An engine that was opened on the bundle and passed its golden check; None opens ONNX Runtime on one
            CPU thread.
        watch: Looks on, and says when the task is done. Without it success is not judged.
        operator: Looks on, re-arms after a fault where the configuration says `attended`, and stops.
        recording: A file to record the run into. A disk that fails does not stop the run; the report says so.

    Raises:
        BundleError: The bundle does not fit the robot; the message shows the differences in two columns.
        ConfigError: The configuration is impossible; the message has the numbers.
        DeviceError: The robot or a camera cannot be started.
        EngineError: The engine cannot be opened or fails on its first run.
    """
    configuration = configuration or RunConfiguration()
    config, engine = prepare(bundle, devices, instruction, configuration, engine)
    if recording is not None:
        config.recording = recording_config(
            recording,
            bundle,
            instruction=instruction,
            strategy=configuration.strategy,
            robot=devices.profile.name,
            engine=engine.info.description,
        )
    return run_loop(
        config,
        devices,
        engine,
        strategy=configuration.strategy,
        watch=watch,
        operator=operator,
        recording=recording,
    )


def run_loop(
    config: core.LoopConfig,
    devices: Devices,
    engine: engine_core.Engine,
    *,
    strategy: str,
    watch: Watch | None = None,
    operator: Operator | None = None,
    recording: Recording | None = None,
) -> Run:
    """Drive devices with an engine that fits them, until the run is over.

    Args:
        config: From `loop_config`.
        devices: The robot.
        engine: Belongs to the loop until this returns.
        strategy: For the report.
        watch: As in `run_bundle`.
        operator: The same.
        recording: What the configuration records into: a file of a run that never started is removed again, because it
            would stand in the way of the next try.

    Raises:
        ConfigError: Configuration, devices and engine do not fit.
        DeviceError: The robot or a camera cannot be started; with what its own code raised, if it did.
        EngineError: The engine fails on its first run.
    """
    try:
        loop = core.Loop(config, devices.robot, list(devices.cameras), engine)
        loop.start()
    except RetainError as error:
        if recording is not None and recording.mode == "all":
            recording.path.unlink(missing_ok=True)
        if isinstance(error, DeviceError) and (trouble := devices.trouble()):
            raise DeviceError(f"{error}; {trouble}") from error
        raise
    success_s = _wait(loop, watch, operator)
    report = report_from_core(
        loop.report(),
        engine=engine.info.description,
        strategy=strategy,
        device_message=devices.trouble(),
        success=None if watch is None else success_s is not None,
        success_s=success_s,
    )
    channels = tuple(channel.name for channel in devices.robot.channels)
    return Run(report, FlightRecord.from_core(loop.records(), channels, core.STATES))


def prepare(
    bundle: Bundle,
    devices: Devices,
    instruction: str,
    configuration: RunConfiguration,
    engine: engine_core.Engine | None,
) -> tuple[core.LoopConfig, engine_core.Engine]:
    """Check that bundle and robot fit, and get ready what the C++ loop takes.

    Raises:
        BundleError: They do not fit.
        EngineError: The engine cannot be opened.
    """
    check_fit(bundle.manifest, devices.profile)
    check_rows_left(configuration, bundle.manifest)
    tokens, mask = bundle.tokenize(instruction)
    engine = engine if engine is not None else open_engine(bundle)
    return loop_config(configuration, channels_of(bundle.manifest, tokens, mask), devices.profile), engine


def _wait(loop: core.Loop, watch: Watch | None, operator: Operator | None) -> float | None:
    """Until the run is over. Returns when the task was done, if it was."""
    success_s: float | None = None
    while not loop.wait(WATCH_PERIOD_S):
        status = Status(**loop.status())
        try:
            answer = None if operator is None else operator(status)
            done = watch is not None and success_s is None and status.state == "running" and watch(status)
        except BaseException:
            # Whatever the onlooker met, the arm must come to rest before anybody hears of it.
            loop.request_stop()
            while not loop.wait(1.0):
                pass
            raise
        if answer == "rearm":
            loop.request_rearm()
        if done:
            success_s = status.running_s
        if done or answer == "stop":
            loop.request_stop()
    return success_s
