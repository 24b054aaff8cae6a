"""Choosing α."""

from pathlib import Path

from retain.evaluate.plots import style

from study.plots.lines import interval
from study.results import read_json


def draw(path: Path) -> Path:
    """Regret on OOD-test by chooser."""
    found = read_json("E8")
    rows = found["choosers"]
    made = style.figure(9.0, 4.4)
    axes = made.add_subplot()
    style.quiet(axes, grid="x")
    for row, (name, one) in enumerate(rows.items()):
        low, high = one["low, high, same episodes"]
        point = {"value": one["regret, same episodes"], "low": low, "high": high}
        colour = style.VERMILION if name.startswith("proxies") else style.BLUE
        mean = sum(one["alphas"]) / len(one["alphas"])
        told = f"{100 * point['value']:.1f}  (mean α {mean:.2f}, old tasks {100 * one['generalist']:.0f} %)"
        interval(axes, row, point, colour=colour, text=told)
    axes.set_xlim(left=-3)
    axes.axvline(0, color=style.INK, linewidth=1)
    axes.axvline(5, color=style.SOFT, linestyle="--", linewidth=1)
    axes.set_yticks(range(len(rows)), list(rows))
    axes.set_ylim(len(rows) - 0.5, -0.8)
    axes.set_xlabel("regret on OOD-test against the best α in hindsight [points]", fontsize=9, color=style.INK)
    free, scene = rows["proxies, no rollouts"], rows["validation scene"]
    title = (
        "Without rollouts the recommendation gives away"
        f" {100 * free['regret, same episodes']:.1f} points on average, one validation scene"
        f" {100 * scene['regret, same episodes']:.1f}"
    )
    subtitle = (
        f"{len(found['pairs'])} pairs of target and seed, 102 episodes each; the best α is found on the same episodes,"
        " which makes every regret too large; lines: 95 % over pairs; dashed: the goal of 5 points."
    )
    style.titled(made, title, subtitle)
    return style.save(made, path)
