"""Pretraining scale."""

from pathlib import Path

from retain.evaluate.plots import style

from study.plots.lines import COLUMN_STYLE, curve, percent_axis
from study.results import read_json


def draw(path: Path) -> Path:
    """A panel per base: success over α."""
    found = read_json("E5")
    made = style.figure(10.5, 4.2)
    panels = made.subplots(1, len(found["curves"]), sharey=True)
    for axes, (share, curves) in zip(panels, found["curves"].items(), strict=True):
        style.quiet(axes)
        for column, points in curves.items():
            label, colour, marker = COLUMN_STYLE[column]
            curve(axes, [one["alpha"] for one in points], points, label=label, colour=colour, marker=marker)
        tasks = len(found["skills"][share])
        axes.set_title(f"{100 * float(share):.0f} % of the tasks ({tasks})", fontsize=10, loc="left", color=style.INK)
        axes.set_xlabel("α", fontsize=9, color=style.INK)
        axes.set_xlim(0, 1)
    percent_axis(panels[0])
    panels[0].legend(frameon=False, fontsize=8, loc="upper left")
    gains = []
    for share, curves in found["curves"].items():
        points = curves["ood-test"]
        best = max(points[1:-1], key=lambda one: one["value"])
        gains.append(f"{100 * float(share):.0f} %: {100 * (best['value'] - points[-1]['value']):+.0f}")
    title = f"Best inner α against finetuned, out of distribution, by share of tasks: {', '.join(gains)} points"
    subtitle = (
        f"“{found['target']}”; three bases pretrained equally long, the same finetuning, three seeds; bands: 95 %."
    )
    style.titled(made, title, subtitle)
    return style.save(made, path)
