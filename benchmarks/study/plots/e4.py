"""α by component."""

from pathlib import Path

import numpy as np
from retain.evaluate.plots import style

from study.plots.lines import COLOURS, MARKERS, heat_map
from study.results import read_json

PARTS = ("vision", "language", "action")


def draw(path: Path) -> Path:
    """What each component's α does on average, and the grid of language × action with vision finetuned."""
    found = read_json("E4")
    suites = {"ood-val": "moved blocks", "generalist": "old tasks"}
    made = style.figure(11.0, 6.8)
    panels = made.subplots(2, 2)
    for row, (suite, words) in zip(panels, suites.items(), strict=True):
        axes = row[0]
        style.quiet(axes)
        for part, colour, marker in zip(PARTS, COLOURS, MARKERS, strict=False):
            points = found["marginal"][suite][part]
            xs, ys = [one["alpha"] for one in points], [100 * one["mean"] for one in points]
            axes.plot(xs, ys, color=colour, marker=marker, linewidth=1.8, label=part)
        axes.set_title(f"{words}: mean over the other two", fontsize=10, loc="left", color=style.INK)
        axes.set_ylabel("success [%]", fontsize=9, color=style.INK)
        axes.set_xlabel("α of the component", fontsize=9, color=style.INK)
        axes.legend(frameon=False, fontsize=9)
        levels = sorted({one["alpha"][0] for one in found["grid"]})
        cells = {tuple(one["alpha"]): one[suite] for one in found["grid"]}
        shown = np.array([[100 * cells[1.0, language, action] for action in levels] for language in levels])
        axes = row[1]
        heat_map(axes, shown, levels, levels)
        axes.set_aspect("equal")
        axes.set_xlabel("α of action", fontsize=9, color=style.INK)
        axes.set_ylabel("α of language", fontsize=9, color=style.INK)
        axes.set_title(f"{words}, vision finetuned (α = 1) [%]", fontsize=10, loc="left", color=style.INK)
    spread = {
        part: max(one["mean"] for one in found["marginal"]["ood-val"][part])
        - min(one["mean"] for one in found["marginal"]["ood-val"][part])
        for part in PARTS
    }
    most = max(spread, key=lambda part: spread[part])
    title = f"On moved blocks α of the {most} part matters most: its mean varies by {100 * spread[most]:.0f} points"
    subtitle = (
        "One target, one seed, 125 combinations, 24 episodes of each suite for each combination; a cell of the right"
        " panels has a standard error of about 10 points, a point of the left ones of about 2."
    )
    style.titled(made, title, subtitle)
    return style.save(made, path)
