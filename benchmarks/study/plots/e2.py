"""The main table as rows of intervals."""

from pathlib import Path

from retain.evaluate.plots import style

from study.plots.lines import COLUMN_STYLE, interval
from study.results import read_json

PANELS = ("id", "ood-test", "generalist", "wording")


def draw(path: Path) -> Path:
    """A panel per group of suites, a row per method; RETAIN's rows in colour."""
    found = read_json("E2")
    table = found["table"]
    methods = list(table)
    made = style.figure(11.0, 1.6 + 0.44 * len(methods))
    panels = made.subplots(1, len(PANELS), sharey=True)
    for axes, column in zip(panels, PANELS, strict=True):
        style.quiet(axes, grid="x")
        for row, method in enumerate(methods):
            colour = style.VERMILION if method.startswith("RETAIN") else style.BLUE
            colour = style.SOFT if method == "base" else colour
            interval(axes, row, table[method][column], colour=colour)
        n = table[methods[0]][column]["n"]
        axes.set_title(f"{COLUMN_STYLE[column][0]}\n{n} episodes a row", fontsize=9, loc="left", color=style.INK)
        axes.set_xlim(0, 100)
        axes.set_xlabel("success [%]", fontsize=9, color=style.INK)
    panels[0].set_yticks(range(len(methods)), methods)
    panels[0].set_ylim(len(methods) - 0.5, -0.7)
    best = {column: max(methods, key=lambda method: table[method][column]["value"]) for column in PANELS[:3]}
    told = ", ".join(
        f"{COLUMN_STYLE[column][0]} {best[column]} ({100 * table[best[column]][column]['value']:.0f} %)"
        for column in PANELS[:3]
    )
    targets = len(found["by_target"]["base"])
    subtitle = (
        f"{targets} target skills × 3 training seeds; every setting chosen on validation episodes that are not shown;"
        " lines: 95 % (seeds and episodes resampled)."
    )
    style.titled(made, f"Highest point estimates: {told}", subtitle)
    return style.save(made, path)
