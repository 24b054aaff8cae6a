"""A run under a simulated clock: the same C++ loop, deterministic, far faster than real time.

Delays, lost frames and stolen ticks are given instead of suffered, so that a run can be repeated to the bit and a
strategy can be judged at a latency that this machine does not have.
"""

from collections.abc import Callable
from dataclasses import dataclass

from retain._core import engine as engine_core
from retain._core import runtime as core
from retain.bundle import Bundle
from retain.errors import ConfigError
from retain.runtime.configuration import RunConfiguration
from retain.runtime.flight_record import FlightRecord
from retain.runtime.loop import WATCH_PERIOD_S, Devices, Run, Status, Watch, prepare
from retain.runtime.report import report_from_core


@dataclass(frozen=True)
class World:
    """What happens to the loop from outside.

    Attributes:
        delay_s: How long a request takes, from the observation's arrival to the chunk; a number, or a function of the
            request's number (from 1).
        frame_arrives: Whether the frames taken at a time (s since the start) arrive; None: always.
        lost_periods: Ticks that are stolen before the one at a time; None: none.
        frame_rate_hz: Of the cameras.
        frame_latency_s: From a picture to its arrival.
    """

    delay_s: float | Callable[[int], float] = 0.0
    frame_arrives: Callable[[float], bool] | None = None
    lost_periods: Callable[[float], int] | None = None
    frame_rate_hz: float = 30.0
    frame_latency_s: float = 0.02


def simulate_bundle(
    bundle: Bundle,
    devices: Devices,
    instruction: str,
    configuration: RunConfiguration,
    world: World | None = None,
    *,
    engine: engine_core.Engine | None = None,
    watch: Watch | None = None,
) -> Run:
    """Let a bundle's policy drive a simulated robot in virtual time.

    Args:
        bundle: An opened bundle.
        devices: A robot and cameras that live in the time they are told: `open_tabletop(..., camera_rate_hz=0)`.
        instruction: What to do, in words.
        configuration: How to run; `duration_s` must be positive.
        world: Delays and faults; None: a world without any.
        engine: As for `run_bundle`.
        watch: Looks on twenty times a virtual second, and says when the task is done.

    Raises:
        BundleError: The bundle does not fit the robot.
        ConfigError: The configuration is impossible, or the first delay too long for its strategy.
        DeviceError: The robot or a camera cannot be started.
        EngineError: The engine cannot be opened or fails on its first run.
    """
    if configuration.duration_s <= 0:
        raise ConfigError("a run in virtual time needs an end; give a duration_s above 0")
    config, engine = prepare(bundle, devices, instruction, configuration, engine)
    world = world or World()
    delay = world.delay_s
    core_world = core.VirtualWorld()
    core_world.delay_s = delay if callable(delay) else lambda _: delay
    core_world.frame_arrives = world.frame_arrives
    core_world.lost_periods = world.lost_periods
    core_world.frame_rate_hz = world.frame_rate_hz
    core_world.frame_latency_s = world.frame_latency_s
    loop = core.VirtualLoop(config, devices.robot, list(devices.cameras), engine, core_world)
    success_s: float | None = None
    while not loop.run(WATCH_PERIOD_S):
        status = Status(**loop.status())
        if watch is not None and success_s is None and status.state == "running" and watch(status):
            success_s = status.running_s
            loop.request_stop()
    report = report_from_core(
        loop.report(),
        engine=engine.info.description,
        strategy=configuration.strategy,
        success=None if watch is None else success_s is not None,
        success_s=success_s,
    )
    channels = tuple(channel.name for channel in devices.robot.channels)
    return Run(report, FlightRecord.from_core(loop.records(), channels, core.STATES))
