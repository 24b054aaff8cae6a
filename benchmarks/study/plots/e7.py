"""Learning rate and steps against α."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from retain.evaluate.plots import style

from study.plots.lines import COLOURS, MARKERS, heat_map
from study.results import read_json

SUITES = {"ood-position": "moved blocks", "generalist": "old tasks"}


def draw(path: Path) -> Path:
    """Maps of both methods on both suites, and all settings in the plane of the two."""
    found = read_json("E7")["settings"]
    made = style.figure(13.0, 5.2)
    grid = made.add_gridspec(2, 3, width_ratios=(1, 1, 1.7))
    for row, method in enumerate(("task-FT", "co-FT")):
        for column, (suite, words) in enumerate(SUITES.items()):
            _map(made.add_subplot(grid[row, column]), found[method], suite, f"{method}: {words} [%]")
    axes = made.add_subplot(grid[:, 2])
    style.quiet(axes)
    for (method, by_setting), colour, marker in zip(found.items(), COLOURS, MARKERS, strict=False):
        xs, ys = ([100 * one[suite]["value"] for one in by_setting.values()] for suite in SUITES)
        line = "-" if method.startswith("RETAIN") else "none"
        axes.plot(xs, ys, color=colour, marker=marker, linestyle=line, linewidth=1.2, label=_legend(method))
    axes.set_xlabel("moved blocks [%]", fontsize=9, color=style.INK)
    axes.set_ylabel("old tasks [%]", fontsize=9, color=style.INK)
    axes.legend(frameon=False, fontsize=8)
    axes.set_title("every setting, right and up is better", fontsize=10, loc="left", color=style.INK)
    best = {method: max(by, key=lambda told: by[told]["ood-position"]["value"]) for method, by in found.items()}
    told = "; ".join(
        f"{method} {100 * found[method][setting]['ood-position']['value']:.0f} % ({setting})"
        for method, setting in best.items()
    )
    subtitle = "Three targets × three seeds; 306 episodes of moved blocks and 450 of old tasks a setting."
    style.titled(made, f"Best on moved blocks: {told}", subtitle)
    return style.save(made, path)


def _legend(method: str) -> str:
    return f"{method}, over α" if method.startswith("RETAIN") else f"{method}, rates × steps"


def _map(axes: Axes, by_setting: Mapping[str, Any], suite: str, title: str) -> None:
    """Rates as rows, steps as columns; a setting is told as "80 steps at 0.0003"."""
    split = {told: told.split(" steps at ") for told in by_setting}
    steps = sorted({int(one[0]) for one in split.values()})
    rates = sorted({float(one[1]) for one in split.values()})
    shown = np.full((len(rates), len(steps)), np.nan)
    for told, (step, rate) in split.items():
        shown[rates.index(float(rate)), steps.index(int(step))] = 100 * by_setting[told][suite]["value"]
    heat_map(axes, shown, steps, rates)
    axes.set_xlabel("steps", fontsize=9, color=style.INK)
    axes.set_ylabel("rate", fontsize=9, color=style.INK)
    axes.set_title(title, fontsize=9, loc="left", color=style.INK)
