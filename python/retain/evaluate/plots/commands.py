"""A run of the control loop over time: what the policy said, what was planned, what was sent, and how fast."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from retain.errors import require
from retain.evaluate.plots import style

# Closer than this share of a channel's range, a command counts as sent the way it was planned.
_BENT = 0.005
# The least that a panel's axis spans, in the channel's unit.
_LEAST_SPAN = 0.1


class CommandLog(Protocol):
    """Arrays over T ticks and C channels; `retain.runtime`'s flight record is one."""

    @property
    def channels(self) -> Sequence[str]:
        """Names of the C channels."""

    @property
    def time_s(self) -> NDArray[np.float64]:
        """[T]."""

    @property
    def chunk(self) -> NDArray[Any]:
        """[T] number of the chunk that played; 0: none."""

    @property
    def policy(self) -> NDArray[np.float64]:
        """[T, C] the policy's row as it said it; NaN without a chunk."""

    @property
    def planned(self) -> NDArray[np.float64]:
        """[T, C] the target at this instant; NaN without a chunk."""

    @property
    def sent(self) -> NDArray[np.float64]:
        """[T, C] the command after the limiter."""


def plot_commands(
    log: CommandLog,
    path: Path,
    *,
    velocity_limits: Mapping[str, float] | None = None,
    units: Mapping[str, str] | None = None,
    title: str | None = None,
    subtitle: str = "",
) -> Path:
    """Draw every channel over time, and below them how much of the velocity limits was used.

    Args:
        log: The run.
        path: PNG to write.
        velocity_limits: Channel → largest speed of its commands, units per second; channels left out have none.
        units: Channel → unit; "rad" where left out, none for suction.
        title: The finding; by default chunks, bent ticks and the highest speed in numbers.
        subtitle: How it was made, in small print.
    """
    limits = dict(velocity_limits or {})
    rows = len(log.channels) + bool(limits)
    made = style.figure(9.6, 1.1 + 1.05 * rows)
    panels = made.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]
    bent = _bent(log)
    starts = log.time_s[1:][np.diff(log.chunk.astype(np.int64)) != 0]
    for channel, (name, axes) in enumerate(zip(log.channels, panels, strict=False)):
        style.quiet(axes)
        unit = (units or {}).get(name, "" if name == "suction" else "rad")
        for start in starts:
            axes.axvline(start, color=style.RULE, linewidth=0.8, zorder=0)
        _shade(axes, log.time_s, bent[:, channel])
        said = log.policy[:, channel]
        axes.plot(log.time_s, said, color=style.ORANGE, linewidth=1.2, drawstyle="steps-pre", label="policy's rows")
        axes.plot(log.time_s, log.planned[:, channel], color=style.BLUE, linewidth=2.6, alpha=0.45, label="planned")
        axes.plot(log.time_s, log.sent[:, channel], color=style.INK, linewidth=1.0, label="sent")
        axes.set_ylabel(f"{name}\n[{unit}]" if unit else name, fontsize=8, color=style.INK)
        _frame(axes, log.sent[:, channel])
    used = _share_of_limits(log, limits) if limits else None
    if used is not None:
        axes = panels[-1]
        style.quiet(axes)
        axes.plot(log.time_s, 100 * used, color=style.VERMILION, linewidth=1.0, label="fastest joint")
        axes.axhline(100, color=style.INK, linestyle="--", linewidth=1.0)
        axes.set_ylabel("speed\n[% of limit]", fontsize=8, color=style.INK)
        axes.set_ylim(0, max(110.0, 105 * float(used.max())))
        axes.margins(x=0)
    panels[-1].set_xlabel("time [s]", color=style.INK)
    handles, labels = panels[0].get_legend_handles_labels()
    shaded = require("matplotlib.patches", "viz").Patch(color=style.VERMILION, alpha=0.25)
    panels[0].legend(
        [*handles, shaded], [*labels, "limiter acted"], ncols=4, loc="lower left", bbox_to_anchor=(0, 1.0),
        frameon=False, fontsize=8,
    )  # fmt: skip
    note = f"{subtitle} Grey lines: a new chunk takes over.".strip()
    style.titled(made, title or _finding(log, bent, used), note)
    return style.save(made, path)


def _frame(axes: Any, values: NDArray[np.float64]) -> None:
    """All of the channel's motion, but a channel that hardly moves is not blown up to look as if it did."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    half = max(0.6 * (high - low), _LEAST_SPAN / 2)
    axes.set_ylim((low + high) / 2 - half, (low + high) / 2 + half)
    axes.margins(x=0)


def _bent(log: CommandLog) -> NDArray[np.bool_]:
    """[T, C]: the command differs from the plan by more than a sliver of the channel's range."""
    span = np.nanmax(log.sent, axis=0) - np.nanmin(log.sent, axis=0)
    with np.errstate(invalid="ignore"):  # NaN, where there was no chunk to bend, compares as not bent
        bent: NDArray[np.bool_] = np.abs(log.sent - log.planned) > np.maximum(_BENT * span, 1e-6)
    return bent


def _shade(axes: Any, time_s: NDArray[np.float64], where: NDArray[np.bool_]) -> None:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], where, [False]]).astype(int)))
    last = len(time_s) - 1
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        axes.axvspan(time_s[start], time_s[min(stop, last)], color=style.VERMILION, alpha=0.25, lw=0)


def _share_of_limits(log: CommandLog, limits: Mapping[str, float]) -> NDArray[np.float64]:
    """[T]: the largest |Δsent| / (T · limit) of the limited channels.

    T is the usual time between ticks, not each recorded one: commands are a period apart in what they ask for, whenever
    the thread woke.
    """
    columns = [index for index, name in enumerate(log.channels) if name in limits]
    largest = np.array([limits[log.channels[index]] for index in columns])
    period_s = float(np.median(np.diff(log.time_s)))
    speed = np.abs(np.diff(log.sent[:, columns], axis=0)) / period_s / largest
    share: NDArray[np.float64] = np.concatenate([[0.0], speed.max(axis=1)])
    return share


def _finding(log: CommandLog, bent: NDArray[np.bool_], used: NDArray[np.float64] | None) -> str:
    chunks = len(set(log.chunk[log.chunk > 0].tolist()))
    duration_s, share = log.time_s[-1] - log.time_s[0], bent.any(axis=1).mean()
    text = f"{duration_s:.1f} s on {chunks} chunks: the limiter bent {100 * share:.1f} % of the ticks"
    if used is not None:
        text += f", the fastest joint reached {100 * used.max():.0f} % of its velocity limit"
    return text
