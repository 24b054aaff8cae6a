"""An arm of two joints that plays a script in virtual time: one thread, no waiting, all from outside given."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from retain._core import runtime as core
from retain._core.devices import ScriptEngine, SlotCamera, SlotRobot
from retain._core.engine import Engine
from retain._core.rehearsal import Rehearsal, RehearsedCamera, RehearsedEngine, RehearsedRobot

JOINTS = ("shoulder", "elbow")
START_NS = 1_000_000_000
"""Of the virtual clock."""
POSITION, VELOCITY, ACCELERATION, JERK = 3.0, 2.0, 40.0, 1000.0
"""Limits of both joints: rad, rad/s, rad/s², rad/s³."""
SIZE = 4
"""Height and width of the camera's pictures."""


def drifting_rows(rows: int = 16, speed: float = 0.02) -> npt.NDArray[np.float32]:
    """Deltas: both joints go on by `speed` a row, rad."""
    return np.repeat(speed * np.arange(1, rows + 1, dtype=np.float32)[:, None], len(JOINTS), axis=1)


@dataclass
class VirtualArm:
    """A perfect arm, a camera whose pictures change, a policy that always says the same.

    Attributes:
        rows: float32[H, 2], what the policy says.
        delta: Rows count from where the arm stood when they were asked for.
        strategy: Of execution.
        execute_rows: s.
        dt_s: Of a row.
        rate_hz: Of the tick.
        delay_s: By the request's number, from 1.
        frame_arrives, lost_periods: By the time since the start, s.
        faults: What happens at its time (s): called once, before the tick.
        options: Further fields of the loop's configuration.
    """

    rows: npt.NDArray[np.float32] = field(default_factory=drifting_rows)
    delta: bool = True
    strategy: core.Strategy = core.Strategy.async_
    execute_rows: int = 8
    dt_s: float = 0.1
    rate_hz: float = 100.0
    delay_s: Callable[[int], float] = lambda _: 0.05
    frame_arrives: Callable[[float], bool] = lambda _: True
    lost_periods: Callable[[float], int] = lambda _: 0
    faults: Sequence[tuple[float, Callable[["VirtualArm"], Any]]] = ()
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.switches = Rehearsal()
        self._robot = SlotRobot([(name, "rad") for name in JOINTS])
        self._camera = SlotCamera("front", SIZE, SIZE)
        self._position = np.zeros(len(JOINTS))
        self._pictures = 0
        self._blocked = False
        self._waiting = sorted(self.faults, key=lambda fault: fault[0])
        engine: Engine = ScriptEngine([("front", SIZE, SIZE)], len(JOINTS), self.rows)
        world = core.VirtualWorld()
        world.delay_s, world.frame_arrives, world.lost_periods = self.delay_s, self.frame_arrives, self.lost_periods
        world.frame_rate_hz, world.frame_latency_s = 50.0, 0.0
        world.each = self._after_tick
        self.loop = core.VirtualLoop(
            self._configuration(),
            RehearsedRobot(self._robot, self.switches),
            [RehearsedCamera(self._camera, self.switches)],
            RehearsedEngine(engine, self.switches),
            world,
        )
        self._show(START_NS)

    def run(self, duration_s: float) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """The report and the records after this much virtual time, or after the end."""
        self.loop.run(duration_s)
        return self.loop.report(), self.loop.records()

    def block(self) -> None:
        """The arm stays where it is, whatever it is told."""
        self._blocked = True

    def _configuration(self) -> core.LoopConfig:
        config = core.LoopConfig()
        config.rate_hz, config.dt_s, config.flow_steps = self.rate_hz, self.dt_s, 1
        config.strategy, config.execute_rows = self.strategy, self.execute_rows
        config.state = [core.StateChannel(name, 0.0, 1.0) for name in JOINTS]
        config.action = [core.ActionChannel(name, 0.0, 1.0, self.delta) for name in JOINTS]
        linear = core.Interpolation.linear
        limits = (-POSITION, POSITION, VELOCITY, ACCELERATION, JERK)
        config.limits = [core.ChannelLimits(name, linear, *limits) for name in JOINTS]
        config.following_error = [0.1] * len(JOINTS)
        config.instruction = core.Instruction([], [])
        config.admission = core.AdmissionRules(*[core.OnViolation.clamp] * 4)
        config.max_frame_age_s, config.state_timeout_s = 0.2, 0.1
        config.inference_timeout_s, config.hold_timeout_s, config.start_timeout_s = 2.0, 1.6, 10.0
        config.overruns_per_s_to_stop = 25
        config.temperature_limit_c = 80.0
        config.log_s = 60.0
        for name, value in self.options.items():
            setattr(config, name, value)
        return config

    def _show(self, now_ns: int) -> None:
        command = self._robot.take_command()
        if command is not None and not self._blocked:
            self._position = command
        self._robot.push_state(now_ns, self._position)
        self._pictures += 1
        self._camera.push(now_ns, np.full((SIZE, SIZE, 3), self._pictures % 256, np.uint8))

    def _after_tick(self, time_s: float) -> bool:
        while self._waiting and self._waiting[0][0] <= time_s:
            self._waiting.pop(0)[1](self)
        self._show(START_NS + round(time_s * 1e9))
        return False
