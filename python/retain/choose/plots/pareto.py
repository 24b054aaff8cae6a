"""Success on the new task against success on old ones: a dot per candidate, a line along those worth having."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from retain.choose.candidate import BASE, FINETUNED, Candidate
from retain.choose.costs import front
from retain.choose.rule import Choice
from retain.choose.sweep import GENERALIST, VALIDATION, Sweep
from retain.evaluate.plots import style

_NUMBERED = 9
"""Candidates of the front that are numbered, from the one that does the new task best; more would not fit the list."""


def plot_pareto(swept: Sweep, path: Path, choice: Choice, title: str | None = None) -> Path:
    """Draw every candidate, the Pareto front, the tolerance, and the choice.

    Args:
        swept: The outcomes.
        path: PNG to write.
        choice: What the rule took.
        title: The finding; by default what the chosen candidate and both ends reach.
    """
    result = swept.result
    best = front(swept)
    made = style.figure(9.6, 5.4)
    axes = made.add_subplot()
    style.quiet(axes, grid="both")

    def at(one: Candidate) -> tuple[float, float]:
        return 100 * result.rate(one.name, GENERALIST).value, 100 * result.rate(one.name, VALIDATION).value

    kept = 100 * (result.rate(BASE.name, GENERALIST).value - choice.tolerance)
    axes.axvline(kept, color=style.SOFT, linestyle=":", label=f"the base's less {100 * choice.tolerance:g} points")
    along = sorted(map(at, best))
    axes.plot(*zip(*along, strict=True), color=style.BLUE, linewidth=1.5, alpha=0.6, label="Pareto front", zorder=2)
    ends = (BASE, FINETUNED)
    inner = sorted((one for one in best if one not in ends), key=lambda one: -at(one)[1])
    for group, marker, size, colour, label in (
        ([one for one in swept.candidates if one not in (*best, *ends)], "o", 26, style.SOFT, "beaten by another"),
        (inner, "o", 42, style.BLUE, None),
        ([BASE], "h", 80, style.GREEN, "base"),
        ([FINETUNED], "D", 80, style.VERMILION, "finetuned"),
    ):
        if group:
            axes.scatter(*zip(*map(at, group), strict=True), s=size, marker=marker, color=colour, label=label, zorder=3)
    _cross(axes, swept, choice.candidate, at(choice.candidate))
    _number(axes, [one for one in inner if one != choice.candidate][:_NUMBERED], at)
    reach = 100 * result.rate(choice.candidate.name, GENERALIST).low
    axes.set_xlim(max(-2.0, min(kept, reach, *(at(one)[0] for one in swept.candidates)) - 4), 102)
    axes.set_ylim(-2, 102)
    axes.set_xlabel(f"old tasks: success [% of {GENERALIST}]", color=style.INK)
    axes.set_ylabel(f"new task, blocks moved: success [% of {VALIDATION}]", color=style.INK)
    axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), borderaxespad=0, frameon=False, fontsize=9)
    n, old = len(result.successes(BASE.name, VALIDATION)), len(result.successes(BASE.name, GENERALIST))
    subtitle = (
        f"“{result.skill}”; {n} episodes of {VALIDATION} and {old} of {GENERALIST} per dot, the same for every dot;"
        f" cross: 95 % Wilson intervals of the chosen one; seed {result.seed}."
    )
    style.titled(made, title or _finding(swept, choice), subtitle)
    return style.save(made, path)


def _cross(axes: Any, swept: Sweep, chosen: Candidate, at: tuple[float, float]) -> None:
    old, new = (swept.result.rate(chosen.name, suite) for suite in (GENERALIST, VALIDATION))
    axes.plot([100 * old.low, 100 * old.high], [at[1]] * 2, color=style.INK, linewidth=1.2, zorder=4)
    axes.plot([at[0]] * 2, [100 * new.low, 100 * new.high], color=style.INK, linewidth=1.2, zorder=4)
    axes.scatter(
        *at, s=110, facecolor="none", edgecolor=style.INK, linewidth=2, label=f"chosen: {chosen.name}", zorder=5
    )


def _number(axes: Any, candidates: list[Candidate], at: Callable[[Candidate], tuple[float, float]]) -> None:
    """Number dots and say in the legend what the numbers stand for."""
    for number, one in enumerate(candidates, start=1):
        axes.annotate(
            str(number), at(one), xytext=(8, -3), textcoords="offset points", fontsize=8, color=style.BLUE, zorder=4
        )
        axes.plot([], [], " ", label=f"{number}  {one.name}")


def _finding(swept: Sweep, choice: Choice) -> str:
    def percent(one: Candidate, suite: str) -> str:
        return f"{100 * swept.result.rate(one.name, suite).value:.0f} %"

    chosen = choice.candidate
    return (
        f"{chosen.name}: {percent(chosen, VALIDATION)} of the moved blocks"
        f" (finetuned {percent(FINETUNED, VALIDATION)}), {percent(chosen, GENERALIST)} of the old tasks"
        f" (finetuned {percent(FINETUNED, GENERALIST)}, base {percent(BASE, GENERALIST)})"
    )
