"""What all pictures share. Figures are made without pyplot: no global state, no display, safe in threads."""

import os
import textwrap
from pathlib import Path
from typing import Any

from retain.errors import require

INK = "#222222"
SOFT = "#777777"
RULE = "#dddddd"

# Okabe & Ito's palette, told apart by all common kinds of colour vision; markers differ as well.
BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"

SUITE_STYLE = {
    "id": ("in distribution", BLUE, "o"),
    "ood-val": ("moved, for choosing α", ORANGE, "s"),
    "ood-position": ("moved elsewhere", VERMILION, "D"),
    "ood-distractor": ("more blocks", PURPLE, "v"),
    "ood-appearance": ("other light, table, camera", SKY, "^"),
    "ood-combined": ("moved, more blocks, other look", "#000000", "X"),
    "wording": ("other words", "#8a6d3b", "P"),
    "generalist": ("old tasks", GREEN, "h"),
}
"""Suite → (what it is in plain words, colour, marker)."""

DPI = 150
_BOLD_CHARACTERS_PER_IN = 9


def figure(width_in: float, height_in: float) -> Any:
    """An empty matplotlib figure of this size in inches."""
    made = require("matplotlib.figure", "viz").Figure(figsize=(width_in, height_in), dpi=DPI, layout="constrained")
    made.set_facecolor("white")
    return made


def titled(made: Any, title: str, subtitle: str) -> None:
    """Put the finding above a figure, and below it in small print how it was measured."""
    width = int(_BOLD_CHARACTERS_PER_IN * made.get_figwidth())
    made.suptitle(textwrap.fill(title, width), x=0.01, ha="left", fontsize=12, fontweight="bold", color=INK)
    made.supxlabel(textwrap.fill(subtitle, round(width * 1.45)), x=0.01, ha="left", fontsize=8, color=SOFT)


def quiet(axes: Any, grid: str = "y") -> None:
    """Take away what carries no information; faint lines along one axis."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(SOFT)
    axes.tick_params(colors=INK, labelsize=9)
    axes.grid(axis=grid, color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)


def save(made: Any, path: Path) -> Path:
    """Write a PNG; a run killed meanwhile leaves no half picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.partial-{os.getpid()}.png")
    made.savefig(partial, dpi=DPI)
    partial.replace(path)
    return path
