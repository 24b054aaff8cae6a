"""Success over α."""

from pathlib import Path

from retain.evaluate.plots import style

from study.plots.lines import COLUMN_STYLE, curve, legend_beside, percent_axis
from study.results import read_json

COLUMNS = ("id", "ood-position", "ood-distractor", "ood-appearance", "ood-combined", "generalist")


def draw(path: Path) -> Path:
    """A panel for all targets together and one for each target."""
    found = read_json("E3")
    panels = {"all targets": found["all"], **found["by_target"]}
    made = style.figure(11.0, 7.6)
    grid = made.subplots(2, 2, sharex=True, sharey=True).ravel()
    for axes, (title, curves) in zip(grid, panels.items(), strict=True):
        style.quiet(axes)
        for column in COLUMNS:
            label, colour, marker = COLUMN_STYLE[column]
            points = curves[column]
            curve(axes, [one["alpha"] for one in points], points, label=label, colour=colour, marker=marker)
        axes.set_title(title, fontsize=10, loc="left", color=style.INK)
        percent_axis(axes)
        axes.set_xlim(0, 1)
    for axes in grid[2:]:
        axes.set_xlabel("α: 0 the base, 1 the finetuned policy", fontsize=9, color=style.INK)
    legend_beside(grid[1])
    ood = found["all"]["ood-test"]
    best = max(ood, key=lambda one: one["value"])
    old = {one["alpha"]: one["value"] for one in found["all"]["generalist"]}
    title = (
        f"Out of distribution: {100 * ood[0]['value']:.0f} % at the base, {100 * best['value']:.0f} % at"
        f" α = {best['alpha']:g}, {100 * ood[-1]['value']:.0f} % finetuned; old tasks"
        f" {100 * old[0.0]:.0f}, {100 * old[best['alpha']]:.0f}, {100 * old[1.0]:.0f} %"
    )
    subtitle = (
        f"Policies finetuned on 20 demonstrations alone; {ood[0]['n']} OOD-test episodes a point over three targets and"
        " three seeds, the same for every α; bands: 95 % (seeds and episodes)."
    )
    style.titled(made, title, subtitle)
    return style.save(made, path)
