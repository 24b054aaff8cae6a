"""One rule by component against tuned co-finetuning."""

from pathlib import Path

from retain.evaluate.plots import style

from study.plots.lines import COLUMN_STYLE, interval
from study.results import read_json


def draw(path: Path) -> Path:
    """The difference on every suite, with the margin of "at least as good"."""
    found = read_json("RULE")
    suites = found["suites"]
    made = style.figure(8.6, 4.2)
    axes = made.add_subplot()
    style.quiet(axes, grid="x")
    for row, one in enumerate(suites.values()):
        colour = style.GREEN if one["at least as good"] else style.VERMILION
        gap = one["difference"]
        both = f"{100 * one['rule']['value']:.0f} against {100 * one['co-FT, tuned']['value']:.0f} %"
        interval(axes, row, gap, colour=colour, text=f"{100 * gap['value']:+.0f}  ({both})")
    axes.axvline(0, color=style.INK, linewidth=1)
    axes.axvline(-100 * found["margin"], color=style.SOFT, linestyle="--", linewidth=1)
    axes.set_yticks(range(len(suites)), [COLUMN_STYLE[suite][0] for suite in suites])
    axes.set_ylim(len(suites) - 0.5, -0.8)
    axes.set_xlabel("rule − tuned co-FT [points]", fontsize=9, color=style.INK)
    alpha = ", ".join(f"{part} {value:g}" for part, value in zip(found["components"], found["alpha"], strict=True))
    held = [COLUMN_STYLE[suite][0] for suite, one in suites.items() if not one["at least as good"]]
    told = "at least as good everywhere" if not held else f"not shown at least as good on: {', '.join(held)}"
    subtitle = (
        f"Three targets × {len(found['seeds'])} seeds, paired episodes; dashed: the margin fixed beforehand; green: the"
        " 95 % interval (seeds and episodes) lies above it."
    )
    style.titled(made, f"Co-finetuned, merged at α = ({alpha}): {told}", subtitle)
    return style.save(made, path)
