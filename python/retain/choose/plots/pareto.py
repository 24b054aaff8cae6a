"""Success on the new task against success on old ones: a dot per candidate, a line along those worth having."""

from pathlib import Path
from typing import Any

from retain.choose.candidate import BASE, FINETUNED, Candidate
from retain.choose.costs import front
from retain.choose.rule import Choice
from retain.choose.sweep import GENERALIST, VALIDATION, Sweep
from retain.evaluate.plots import style

_NAMED = 8
"""Candidates of the front that are named; more names would cover each other."""


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
    made = style.figure(8.2, 5.6)
    axes = made.add_subplot()
    style.quiet(axes, grid="both")

    def at(one: Candidate) -> tuple[float, float]:
        return 100 * result.rate(one.name, GENERALIST).value, 100 * result.rate(one.name, VALIDATION).value

    kept = 100 * (result.rate(BASE.name, GENERALIST).value - choice.tolerance)
    axes.axvline(kept, color=style.SOFT, linestyle=":", linewidth=1.2)
    axes.annotate(
        f"the base's less {100 * choice.tolerance:g} points", (kept, 0), xytext=(-4, 4), textcoords="offset points",
        rotation=90, ha="right", va="bottom", fontsize=8, color=style.SOFT,
    )  # fmt: skip
    along = sorted(map(at, best))
    axes.plot(*zip(*along, strict=True), color=style.BLUE, linewidth=1.5, alpha=0.6, label="Pareto front", zorder=2)
    others = [one for one in swept.candidates if one not in best and one not in (BASE, FINETUNED)]
    for group, colour, size, label in (
        (others, style.SOFT, 26, "beaten in both"),
        ([one for one in best if one not in (BASE, FINETUNED)], style.BLUE, 42, ""),
    ):
        if group:
            axes.scatter(*zip(*map(at, group), strict=True), s=size, color=colour, label=label or None, zorder=3)
    for end, marker, colour, label in (
        (BASE, "h", style.GREEN, "base"),
        (FINETUNED, "D", style.VERMILION, "finetuned"),
    ):
        axes.scatter(*at(end), s=80, marker=marker, color=colour, label=label, zorder=4)
    _cross(axes, swept, choice.candidate, at(choice.candidate))
    _name(axes, [one for one in best if one not in (BASE, FINETUNED, choice.candidate)], at)
    axes.annotate(
        choice.candidate.name, at(choice.candidate), xytext=(10, 10), textcoords="offset points", fontsize=10,
        fontweight="bold", color=style.INK, ha="right" if at(choice.candidate)[0] > 70 else "left",
    )  # fmt: skip
    axes.set_xlim(-2, 102)
    axes.set_ylim(-2, 102)
    axes.set_xlabel(f"old tasks: success [% of episodes of {GENERALIST}]", color=style.INK)
    axes.set_ylabel(f"new task, blocks moved: success [% of episodes of {VALIDATION}]", color=style.INK)
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
    axes.scatter(*at, s=110, facecolor="none", edgecolor=style.INK, linewidth=2, label="chosen", zorder=5)


def _name(axes: Any, candidates: list[Candidate], at: Any) -> None:
    for one in candidates[:_NAMED]:
        right = at(one)[0] > 70
        axes.annotate(
            one.name, at(one), xytext=(-7 if right else 7, -3), textcoords="offset points", fontsize=8,
            ha="right" if right else "left", color=style.SOFT,
        )  # fmt: skip


def _finding(swept: Sweep, choice: Choice) -> str:
    def percent(one: Candidate, suite: str) -> str:
        return f"{100 * swept.result.rate(one.name, suite).value:.0f} %"

    chosen = choice.candidate
    return (
        f"{chosen.name}: {percent(chosen, VALIDATION)} of the moved blocks"
        f" (finetuned {percent(FINETUNED, VALIDATION)}), {percent(chosen, GENERALIST)} of the old tasks"
        f" (finetuned {percent(FINETUNED, GENERALIST)}, base {percent(BASE, GENERALIST)})"
    )
