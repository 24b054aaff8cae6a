"""Other ways to merge."""

from pathlib import Path

from retain.evaluate.plots import style

from study.plots.lines import COLUMN_STYLE, interval
from study.results import read_json


def draw(path: Path) -> Path:
    """A panel per group of suites, a row per method."""
    table = read_json("E9")["table"]
    methods = list(table)
    columns = list(table[methods[0]])
    made = style.figure(9.5, 3.6)
    panels = made.subplots(1, len(columns), sharey=True)
    for axes, column in zip(panels, columns, strict=True):
        style.quiet(axes, grid="x")
        for row, method in enumerate(methods):
            interval(axes, row, table[method][column], colour=style.VERMILION if method == "linear" else style.BLUE)
        axes.set_title(COLUMN_STYLE[column][0], fontsize=9, loc="left", color=style.INK)
        axes.set_xlim(0, 100)
        axes.set_xlabel("success [%]", fontsize=9, color=style.INK)
    panels[0].set_yticks(range(len(methods)), methods)
    panels[0].set_ylim(len(methods) - 0.5, -0.7)
    best = max(methods, key=lambda method: table[method]["ood-test"]["value"])
    title = (
        f"Out of distribution {best} has the highest point estimate ({100 * table[best]['ood-test']['value']:.0f} %),"
        f" linear {100 * table['linear']['ood-test']['value']:.0f} %"
    )
    style.titled(made, title, "Three targets × two seeds, four settings each, chosen on validation; lines: 95 %.")
    return style.save(made, path)
