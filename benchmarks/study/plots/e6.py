"""Skill after skill."""

from pathlib import Path

from retain.evaluate.plots import style

from study.plots.lines import COLOURS, MARKERS, interval, percent_axis
from study.results import read_json

PANELS = {"id": "learnt skills, in distribution", "ood-position": "learnt skills, moved", "generalist": "old tasks"}


def draw(path: Path) -> Path:
    """Left: every method after the last skill; right: the first skill as others are learnt after it."""
    found = read_json("E6")
    table = found["table"]
    methods = list(table)
    made = style.figure(12.5, 4.9)
    panels = made.subplots(1, 4, width_ratios=(1, 1, 1, 1.25))
    for axes, (suite, words) in zip(panels, PANELS.items(), strict=False):
        style.quiet(axes, grid="x")
        for row, method in enumerate(methods):
            colour = style.VERMILION if method == "anchored" else style.SOFT if method == "base" else style.BLUE
            interval(axes, row, table[method][suite], colour=colour)
        axes.set_title(words, fontsize=9, loc="left", color=style.INK)
        axes.set_xlim(0, 100)
        axes.set_xlabel("success [%]", fontsize=9, color=style.INK)
        shown = methods if axes is panels[0] else [""] * len(methods)
        axes.set_yticks(range(len(methods)), shown)
        axes.set_ylim(len(methods) - 0.5, -0.7)
    axes = panels[-1]
    style.quiet(axes)
    for (method, kept), colour, marker in zip(found["matrix"].items(), COLOURS, MARKERS, strict=False):
        values = [100 * row[0] for row in kept["rows"]]
        axes.plot(range(1, len(values) + 1), values, color=colour, marker=marker, linewidth=1.8, label=method)
    axes.set_title("the first skill, in distribution", fontsize=9, loc="left", color=style.INK)
    axes.set_xlabel("skills learnt", fontsize=9, color=style.INK)
    axes.set_xticks(range(1, len(found["skills"]) + 1))
    axes.legend(frameon=False, fontsize=8, loc="lower left")
    percent_axis(axes)

    def told(method: str) -> str:
        return f"{method} {100 * table[method]['id']['value']:.0f} / {100 * table[method]['generalist']['value']:.0f}"

    title = "After five skills, learnt skills / old tasks [%]: " + ", ".join(
        map(told, ("sequential co-FT", "sequential RETAIN", "anchored"))
    )
    subtitle = (
        f"{len(found['skills'])} skills one after the other, {len(found['seeds'])} seeds, α = {found['alpha']:g} fixed"
        " beforehand; the same number of observations for every method; lines: 95 % (seeds and episodes)."
    )
    style.titled(made, title, subtitle)
    return style.save(made, path)
