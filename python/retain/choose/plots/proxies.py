"""What recorded frames say about each candidate: the error on the new task against the error on old ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from retain.choose.candidate import BASE, FINETUNED, Candidate
from retain.choose.proxies import Proxies, ProxyTable
from retain.evaluate.plots import style


def plot_proxies(table: ProxyTable, path: Path, chosen: Candidate | None = None, title: str | None = None) -> Path:
    """Draw the errors on demonstrations of the new task and of old ones.

    Where every candidate has one α for all weights, curves over α; otherwise each is a dot in the plane of both errors.

    Args:
        table: What was measured, both ends included.
        path: PNG to write.
        chosen: Marked where it is in the table.
        title: The finding; by default the errors of the chosen candidate and of both ends, in numbers.
    """
    rows = {Candidate.of(dict(row.alpha)): row for row in table.rows}
    line = {one.uniform: row for one, row in rows.items() if one.uniform is not None}
    made = style.figure(8.2, 4.8)
    axes = made.add_subplot()
    style.quiet(axes, grid="both")
    if len(line) == len(rows):
        _curves(axes, dict(sorted(line.items())), None if chosen is None else chosen.uniform)
    else:
        _plane(axes, rows, chosen)
    axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), borderaxespad=0, frameon=False, fontsize=9)
    style.titled(made, title or _finding(rows, chosen), "Recorded frames, no episode run; lower is better.")
    return style.save(made, path)


def _curves(axes: Any, line: dict[float, Proxies], chosen: float | None) -> None:
    alphas = list(line)
    for label, values, colour, marker in (
        ("new task, held-out demonstrations", [row.target_error for row in line.values()], style.ORANGE, "s"),
        ("old tasks, demonstrations", [row.generalist_error for row in line.values()], style.GREEN, "h"),
        ("old tasks, away from the base", [row.drift for row in line.values()], style.SOFT, "v"),
    ):
        axes.plot(alphas, values, color=colour, marker=marker, markersize=6, linewidth=2, label=label, zorder=3)
    if chosen is not None:
        axes.axvline(chosen, color=style.INK, linestyle="--", linewidth=1.2, label=f"chosen: α = {chosen:g}")
    axes.set_xlim(min(alphas), max(alphas))
    axes.set_ylim(bottom=0)
    axes.set_xlabel("α, the weight of the finetuned policy (0: base, 1: finetuned)", color=style.INK)
    axes.set_ylabel("error of the actions", color=style.INK)


def _plane(axes: Any, rows: dict[Candidate, Proxies], chosen: Candidate | None) -> None:
    inner = [one for one in rows if one not in (BASE, FINETUNED)]
    for group, marker, size, colour, label in (
        (inner, "o", 36, style.BLUE, "between"),
        ([BASE], "h", 80, style.GREEN, "base"),
        ([FINETUNED], "D", 80, style.VERMILION, "finetuned"),
    ):
        dots = [(rows[one].generalist_error, rows[one].target_error) for one in group if one in rows]
        if dots:
            axes.scatter(*zip(*dots, strict=True), s=size, marker=marker, color=colour, label=label, zorder=3)
    if chosen in rows:
        dot = rows[chosen].generalist_error, rows[chosen].target_error
        axes.scatter(*dot, s=140, facecolor="none", edgecolor=style.INK, linewidth=2, label="chosen", zorder=4)
        axes.annotate(chosen.name, dot, xytext=(8, 8), textcoords="offset points", fontsize=9, color=style.INK)
    axes.set_xlabel("old tasks: error of the actions", color=style.INK)
    axes.set_ylabel("new task: error of the actions", color=style.INK)


def _finding(rows: dict[Candidate, Proxies], chosen: Candidate | None) -> str:
    taken = chosen if chosen in rows and chosen is not None else FINETUNED
    name = "the finetuned policy" if taken == FINETUNED else taken.name
    others = {"finetuned": FINETUNED, "base": BASE}

    def among(value: Callable[[Proxies], float]) -> str:
        beside = ", ".join(f"{end} {value(rows[one]):.3f}" for end, one in others.items() if one != taken)
        return f"{value(rows[taken]):.3f} ({beside})"

    return (
        f"{name}: error {among(lambda row: row.target_error)} on the new task,"
        f" {among(lambda row: row.generalist_error)} on old ones"
    )
