"""Whatever the limiter is told, what it sends obeys. Judged by differences of the commands alone."""

import math
from dataclasses import astuple, dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from retain._core.runtime import ChannelLimits, Interpolation, Limiter
from retain.errors import ConfigError

RATES_HZ = (50.0, 100.0, 333.0, 500.0, 1000.0)

log_uniform = st.floats(-1.0, 1.0).map(lambda exponent: 10.0**exponent)
anything = st.one_of(
    st.floats(),  # NaN, infinities and denormals included
    st.sampled_from([math.nan, math.inf, -math.inf, 5e-324, -5e-324, 0.0, -0.0, 1.7e308, -1.7e308]),
    st.floats(-2.0, 2.0),
)


@dataclass(frozen=True)
class Limits:
    """Of one joint: rad, rad/s, rad/s², rad/s³."""

    low: float
    high: float
    velocity: float
    acceleration: float
    jerk: float

    def channel(self) -> ChannelLimits:
        return ChannelLimits("joint", Interpolation.linear, *astuple(self))


@st.composite
def joints(draw: st.DrawFn) -> Limits:
    low = draw(st.floats(-3.0, 2.0))
    velocity = 2.0 * draw(log_uniform)
    acceleration = velocity * 10.0 * draw(log_uniform)
    jerk = acceleration * 20.0 * draw(log_uniform)
    width = 10.0 ** draw(st.floats(-3.0, 1.0))
    return Limits(low, low + width, velocity, acceleration, jerk)


@st.composite
def target_runs(draw: st.DrawFn) -> list[tuple[float, float, float]]:
    """(position, velocity, speed scale) per tick: what a target does, it often does for a while."""
    targets = []
    for _ in range(draw(st.integers(1, 8))):
        position, velocity = draw(anything), draw(anything)
        scale = draw(st.one_of(st.just(1.0), st.floats(0.0, 1.0), anything))
        targets += [(position, velocity, scale)] * draw(st.integers(1, 60))
    return targets


def check_commands(commands: list[float], limits: Limits, period_s: float) -> None:
    """Position, and the first three differences from a standstill."""
    path = np.array([commands[0]] * 3 + commands)
    assert np.isfinite(path).all()
    assert limits.low <= path.min()
    assert path.max() <= limits.high
    rounding = 1e-15 * max(abs(limits.low), abs(limits.high), 1.0)
    for order, name in enumerate(("velocity", "acceleration", "jerk"), start=1):
        greatest = np.abs(np.diff(path, order)).max()
        assert greatest <= getattr(limits, name) * period_s**order * (1 + 1e-6) + 2**order * rounding + 1e-12, name


@settings(max_examples=400, deadline=None)
@given(limits=joints(), rate_hz=st.sampled_from(RATES_HZ), start=st.floats(0.0, 1.0), targets=target_runs())
def test_no_target_breaks_a_limit_and_every_state_can_be_braked(
    limits: Limits, rate_hz: float, start: float, targets: list[tuple[float, float, float]]
) -> None:
    period_s = 1.0 / rate_hz
    limiter = Limiter([limits.channel()], period_s)
    limiter.reset([limits.low + start * (limits.high - limits.low)])
    commands = list(limiter.command)
    for position, velocity, scale in targets:
        commands += limiter.follow([position], [velocity], scale)
    longest_s = limits.velocity / limits.acceleration + 2 * limits.acceleration / limits.jerk
    for _ in range(math.ceil(longest_s / period_s) + 2):
        commands += limiter.brake()
    assert limiter.at_rest
    assert limiter.brake() == [commands[-1]]
    check_commands(commands, limits, period_s)


@given(bad=st.sampled_from([math.nan, math.inf, -math.inf]), place=st.integers(0, 5))
def test_limits_that_are_no_limits_are_refused(bad: float, place: int) -> None:
    values = [-1.0, 1.0, 2.0, 10.0, 200.0]
    if place < 5:
        values[place] = bad
    with pytest.raises(ConfigError, match=r"channel joint|period"):
        Limiter([ChannelLimits("joint", Interpolation.linear, *values)], bad if place == 5 else 0.002)


@given(targets=st.lists(anything, min_size=1, max_size=50))
def test_a_hold_channel_takes_a_target_at_once_but_never_leaves_its_bounds(targets: list[float]) -> None:
    limiter = Limiter([ChannelLimits("cup", Interpolation.hold, 0.0, 1.0, 0.0, 0.0, 0.0)], 0.01)
    limiter.reset([0.5])
    expected = 0.5
    for target in targets:
        expected = min(max(target, 0.0), 1.0) if math.isfinite(target) else expected
        assert limiter.follow([target], [0.0]) == [expected]
