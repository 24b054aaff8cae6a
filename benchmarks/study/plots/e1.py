"""The overfitting curve."""

from pathlib import Path

from retain.evaluate.plots import style

from study.plots.lines import COLOURS, COLUMN_STYLE, MARKERS, curve, legend_beside, percent_axis
from study.results import read_json

NAMES = {"task-ft": "all weights", "frozen": "language frozen", "lora": "LoRA", "co-ft": "co-finetuned"}


def draw(path: Path) -> Path:
    """A panel per suite, a line per recipe, over finetuning steps."""
    found = read_json("E1")
    curves = found["curves"]
    suites = list(next(iter(curves.values())))
    made = style.figure(10.5, 4.0)
    panels = made.subplots(1, len(suites), sharey=True)
    for axes, suite in zip(panels, suites, strict=True):
        style.quiet(axes)
        for (recipe, by_suite), colour, marker in zip(curves.items(), COLOURS, MARKERS, strict=False):
            points = by_suite[suite]
            steps = [one["step"] for one in points]
            curve(axes, steps, points, label=NAMES[recipe], colour=colour, marker=marker)
        axes.set_title(COLUMN_STYLE[suite][0], fontsize=10, loc="left", color=style.INK)
        axes.set_xlabel("finetuning steps", fontsize=9, color=style.INK)
    percent_axis(panels[0])
    legend_beside(panels[-1])
    last = curves["task-ft"]

    def told(suite: str) -> str:
        return " → ".join(f"{100 * one['value']:.0f}" for one in (last[suite][0], last[suite][2], last[suite][-1]))

    title = (
        f"All weights, steps 0 → {last['id'][2]['step']} → {last['id'][-1]['step']}:"
        f" in distribution {told('id')} %, moved {told('ood-position')} %, old tasks {told('generalist')} %"
    )
    n = last["id"][0]["n"]
    subtitle = (
        f"20 demonstrations of “{found['target']}”; three seeds, {n} episodes a point in distribution;"
        " bands: 95 % (seeds and episodes)."
    )
    style.titled(made, title, subtitle)
    return style.save(made, path)
