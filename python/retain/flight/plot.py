"""The picture of a flight: every channel's four series over time, and below them speed, lateness and frame age."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from retain.errors import FlightError
from retain.evaluate.plots import style
from retain.flight.log import FlightLog, read
from retain.runtime.flight_record import FlightRecord

FloatArray = npt.NDArray[np.float64]

_STATE_COLOURS = {
    "disarmed": "#eeeeee",
    "armed": style.SKY,
    "running": style.GREEN,
    "stopping": style.ORANGE,
    "hold": style.SOFT,
    "fault": style.VERMILION,
}
_ONE_COLUMN = 8
"""More channels than this stand in two columns."""
_LEAST_SPAN = 0.02
"""The least that a panel's axis spans, in the channel's unit: a channel at rest is not blown up."""


@dataclass(frozen=True)
class Drawn:
    """What can be drawn of a flight.

    Attributes:
        ticks: The series.
        rate_hz: Of the tick, nominal.
        units: One per channel; empty where they are not known.
        velocity: [C] limits; infinite where there is none.
        observed_s: When the observation behind each chunk was taken, after the first tick; empty where not known.
        title: How the run ended.
        subtitle: How it was made.
    """

    ticks: FlightRecord
    rate_hz: float
    units: tuple[str, ...] = ()
    velocity: FloatArray = field(default_factory=lambda: np.empty(0))
    observed_s: Mapping[int, float] = field(default_factory=dict)
    title: str = "flight"
    subtitle: str = ""

    @classmethod
    def open(cls, path: Path) -> "Drawn":
        """A flight's file: .mcap of `retain run --record`, or .npz of `--save-log`, which knows no limits.

        Raises:
            FlightError: It is neither, or holds no ticks.
        """
        drawn = cls._of_record(path) if path.suffix == ".npz" else cls.of(read(path))
        if len(drawn.ticks.time_s) < 2:
            raise FlightError(f"{path} holds {len(drawn.ticks.time_s)} ticks; there is nothing to draw")
        return drawn

    @classmethod
    def of(cls, log: FlightLog) -> "Drawn":
        """Everything that a recorded flight knows."""
        linear = np.array([kind == "linear" for kind in log.strings("interpolation")])
        name, head = log.path.name, log.metadata
        return cls(
            ticks=log.ticks,
            rate_hz=log.rate_hz,
            units=log.units,
            velocity=np.where(linear, log.limits.velocity, np.inf),
            observed_s={a.chunk.id: (a.chunk.observed_ns - log.start_ns) * 1e-9 for a in log.answers},
            title=f"“{head['instruction']}”: {_ending(log)}",
            subtitle=f"{name}: {head['bundle']} on {head['robot']}, {head['strategy']}, {head['wall_clock'][:19]} UTC.",
        )

    @classmethod
    def _of_record(cls, path: Path) -> "Drawn":
        ticks = FlightRecord.load(path)
        periods = np.diff(ticks.time_s)
        rate_hz = 1.0 / float(np.median(periods)) if len(periods) else 0.0
        last = ticks.states[int(ticks.state[-1])] if len(ticks.state) else "nothing"
        return cls(ticks, rate_hz, title=f"{path.stem}: ended in {last}", subtitle=f"{path.name}.")


def plot_flight(drawn: Drawn, path: Path) -> Path:
    """Draw it.

    Args:
        drawn: What is known of the flight.
        path: PNG to write.
    """
    ticks, channels = drawn.ticks, len(drawn.ticks.channels)
    columns = 1 if channels <= _ONE_COLUMN else 2
    rows = -(-channels // columns)
    speed = _share_of_limits(drawn)
    below = (speed is not None) + 1 + bool(drawn.observed_s)
    made = style.figure(10.5 if columns == 1 else 15.0, 1.5 + 1.0 * rows + 0.85 * below)
    grid = made.add_gridspec(1 + rows + below, columns, height_ratios=[0.22, *[1.0] * rows, *[0.85] * below])
    shared = _states(made.add_subplot(grid[0, :]), ticks)
    boundaries = ticks.time_s[1:][np.diff(ticks.chunk.astype(np.int64)) != 0]
    handles: Sequence[Any] = ()
    for channel in range(channels):
        axes = made.add_subplot(grid[1 + channel % rows, channel // rows], sharex=shared)
        handles = _channel(axes, drawn, channel, boundaries)
        # Two columns have a time scale of their own, under the lowest panel of each.
        lowest = columns > 1 and (channel % rows == rows - 1 or channel == channels - 1)
        axes.tick_params(labelbottom=lowest, bottom=lowest)
    row = 1 + rows
    panels = []
    if speed is not None:
        axes = made.add_subplot(grid[row, :], sharex=shared)
        axes.plot(ticks.time_s, 100 * speed, color=style.PURPLE, linewidth=0.9)
        axes.axhline(100, color=style.INK, linestyle="--", linewidth=0.9)
        axes.set_ylim(0, max(115.0, 105 * float(speed.max())))
        panels.append((axes, "fastest joint\n[% of limit]"))
    axes = made.add_subplot(grid[row + (speed is not None), :], sharex=shared)
    axes.plot(ticks.time_s, 1e3 * ticks.lateness_s, color=style.SOFT, linewidth=0.7)
    axes.set_ylim(bottom=0)
    panels.append((axes, "wake-up late\n[ms]"))
    if drawn.observed_s:
        axes = made.add_subplot(grid[row + below - 1, :], sharex=shared)
        axes.plot(ticks.time_s, _frame_age(drawn), color=style.BLUE, linewidth=0.9)
        axes.set_ylim(bottom=0)
        panels.append((axes, "frame age\n[s]"))
    for axes, label in panels:
        _dress(axes, ticks, boundaries)
        axes.set_ylabel(label, fontsize=8, color=style.INK)
        axes.tick_params(labelbottom=axes is panels[-1][0])
    panels[-1][0].set_xlabel("time since the first recorded tick [s]", color=style.INK)
    shared.legend(
        handles=list(handles), loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, frameon=False, fontsize=8,
        borderaxespad=0.2,
    )  # fmt: skip
    made.align_ylabels()
    note = f"{drawn.subtitle} Grey lines: a new chunk takes over. Speed: step per nominal period.".strip()
    style.titled(made, drawn.title, note)
    return style.save(made, path)


def channel_label(name: str, unit: str) -> str:
    """A channel's name in short lines, with its unit unless that is a plain number."""
    words = textwrap.fill(name.replace("_", " "), 14)
    return words if unit in {"", "1"} else f"{words}\n[{unit}]"


def _states(axes: Any, ticks: FlightRecord) -> Any:
    """The strip above all panels: which state the loop was in."""
    axes.set_xlim(ticks.time_s[0], ticks.time_s[-1])
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    axes.tick_params(labelbottom=False, bottom=False)
    axes.spines[:].set_visible(False)
    whole = ticks.time_s[-1] - ticks.time_s[0]
    for name, begin, end in _runs(ticks):
        axes.axvspan(begin, end, color=_STATE_COLOURS.get(name, style.RULE), alpha=0.55, lw=0)
        if end - begin > 0.05 * whole:
            axes.text((begin + end) / 2, 0.5, name, ha="center", va="center", fontsize=8, color=style.INK)
        elif name in {"fault", "stopping"}:
            right = begin > ticks.time_s[0] + 0.5 * whole
            axes.annotate(
                name, (begin, 0.5), xytext=(-3 if right else 3, 0), textcoords="offset points",
                ha="right" if right else "left", va="center", fontsize=8, color=style.INK,
            )  # fmt: skip
    return axes


def _channel(axes: Any, drawn: Drawn, channel: int, boundaries: FloatArray) -> Sequence[Any]:
    ticks = drawn.ticks
    _dress(axes, ticks, boundaries)
    time_s, lines = ticks.time_s, []
    series = (
        (ticks.policy, {"color": style.ORANGE, "linewidth": 1.1, "drawstyle": "steps-pre", "label": "policy's rows"}),
        (ticks.planned, {"color": style.BLUE, "linewidth": 2.8, "alpha": 0.4, "label": "planned"}),
        (ticks.sent, {"color": style.INK, "linewidth": 1.0, "label": "sent"}),
        (ticks.measured, {"color": style.GREEN, "linewidth": 1.0, "linestyle": (0, (4, 2)), "label": "measured"}),
    )
    for values, look in series:
        lines += axes.plot(time_s, values[:, channel], **look)
    unit = drawn.units[channel] if drawn.units else ""
    axes.set_ylabel(channel_label(ticks.channels[channel], unit), fontsize=8, color=style.INK)
    # What moved the arm sets the scale; a policy far outside shows as leaving the panel.
    moved = np.concatenate([ticks.sent[:, channel], ticks.measured[:, channel]])
    low, high = float(np.nanmin(moved)), float(np.nanmax(moved))
    half = max(0.65 * (high - low), _LEAST_SPAN / 2)
    axes.set_ylim((low + high) / 2 - half, (low + high) / 2 + half)
    return lines


def _dress(axes: Any, ticks: FlightRecord, boundaries: FloatArray) -> None:
    style.quiet(axes)
    axes.tick_params(labelsize=8)
    for instant in boundaries:
        axes.axvline(instant, color=style.RULE, linewidth=0.8, zorder=0)
    for name, begin, end in _runs(ticks):
        if name in {"stopping", "fault"}:
            axes.axvspan(begin, end, color=_STATE_COLOURS[name], alpha=0.15, lw=0, zorder=0)


def _runs(ticks: FlightRecord) -> list[tuple[str, float, float]]:
    """(state, from, to) [s], in order."""
    edges = np.flatnonzero(np.diff(ticks.state.astype(np.int64))) + 1
    starts, last = [0, *edges.tolist()], len(ticks.time_s) - 1
    ends = [*edges.tolist(), last]
    return [
        (ticks.states[int(ticks.state[start])], float(ticks.time_s[start]), float(ticks.time_s[end]))
        for start, end in zip(starts, ends, strict=True)
    ]


def _share_of_limits(drawn: Drawn) -> FloatArray | None:
    """[T]: the fastest channel's step as a share of what its limit allows in one *nominal* period.

    The limiter counts a step as one period whatever the wake-up's jitter; dividing by recorded times would show speeds
    beyond limits that were kept.
    """
    columns = np.flatnonzero(np.isfinite(drawn.velocity))
    if not len(columns):
        return None
    steps = np.abs(np.diff(drawn.ticks.sent[:, columns], axis=0)) * drawn.rate_hz / drawn.velocity[columns]
    share: FloatArray = np.concatenate([[0.0], np.nan_to_num(steps).max(axis=1)])
    return share


def _frame_age(drawn: Drawn) -> FloatArray:
    """[T] s since the observation behind the running chunk; NaN without one."""
    ticks = drawn.ticks
    ids, inverse = np.unique(ticks.chunk, return_inverse=True)
    observed = np.array([drawn.observed_s.get(int(chunk), np.nan) for chunk in ids])
    age: FloatArray = ticks.time_s - observed[inverse]
    return age


def _ending(log: FlightLog) -> str:
    duration_s = float(log.ticks.time_s[-1]) if len(log.ticks.time_s) else 0.0
    if not log.end:
        return f"{duration_s:.1f} s, then the recording broke off"
    words = f"{log.end['state']} ({log.end['cause'].replace('_', ' ')})"
    return f"{words} after {duration_s:.1f} s and {len(log.answers)} answers"
