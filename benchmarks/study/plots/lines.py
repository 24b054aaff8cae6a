"""Curves with intervals and rows of intervals, shared by the study's pictures."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from retain.evaluate.plots import style

Point = Mapping[str, float]
"""A value with its interval: "value", "low", "high"."""

COLOURS = (style.BLUE, style.VERMILION, style.GREEN, style.ORANGE, style.PURPLE, style.SKY, style.INK)
MARKERS = ("o", "s", "D", "^", "v", "P", "X")

COLUMN_STYLE = {
    "id": ("in distribution", style.BLUE, "o"),
    "ood-test": ("out of distribution (test)", style.VERMILION, "D"),
    "ood-val": ("moved, for choosing α", style.ORANGE, "s"),
    "ood-position": ("moved elsewhere", style.VERMILION, "D"),
    "ood-distractor": ("more blocks", style.PURPLE, "v"),
    "ood-appearance": ("other look", style.SKY, "^"),
    "ood-combined": ("all three", style.INK, "X"),
    "wording": ("other words", "#8a6d3b", "P"),
    "generalist": ("old tasks", style.GREEN, "h"),
}
"""Column of a table → (plain words, colour, marker)."""


def curve(axes: Any, xs: Sequence[float], points: Sequence[Point], *, label: str, colour: str, marker: str) -> None:
    """A line with its 95 % band, in percent."""
    axes.fill_between(
        xs, [100 * one["low"] for one in points], [100 * one["high"] for one in points], color=colour, alpha=0.13, lw=0
    )
    axes.plot(
        xs, [100 * one["value"] for one in points], color=colour, marker=marker, markersize=5, linewidth=1.8,
        label=label, clip_on=False, zorder=3,
    )  # fmt: skip


def interval(axes: Any, row: float, point: Point, *, colour: str, marker: str = "o", text: str | None = None) -> None:
    """A dot with its 95 % interval along x, in percent."""
    low, value, high = (100 * point[name] for name in ("low", "value", "high"))
    axes.plot([low, high], [row, row], color=colour, linewidth=2.5, alpha=0.5, solid_capstyle="butt")
    axes.plot(value, row, marker, color=colour, markersize=6, zorder=3, clip_on=False)
    axes.annotate(
        f"{value:.0f}" if text is None else text, (value, row), xytext=(0, 5), textcoords="offset points",
        ha="center", fontsize=7.5, color=style.INK,
    )  # fmt: skip


def heat_map(axes: Any, percent: NDArray[np.float64], columns: Sequence[float], rows: Sequence[float]) -> None:
    """A cell per setting with its number in it, the first row at the bottom."""
    axes.imshow(percent, origin="lower", cmap="cividis", vmin=0, vmax=100, aspect="auto")
    for y, x in np.ndindex(percent.shape):
        ink = "white" if percent[y, x] < 55 else style.INK
        axes.text(x, y, f"{percent[y, x]:.0f}", ha="center", va="center", fontsize=9, color=ink)
    axes.set_xticks(range(len(columns)), [f"{one:g}" for one in columns])
    axes.set_yticks(range(len(rows)), [f"{one:g}" for one in rows])


def percent_axis(axes: Any, label: str = "success [%]") -> None:
    """0 to 100 upwards."""
    axes.set_ylim(0, 100)
    axes.set_ylabel(label, fontsize=9, color=style.INK)


def legend_beside(axes: Any) -> None:
    """To the right of the panel."""
    axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), borderaxespad=0, frameon=False, fontsize=9)
