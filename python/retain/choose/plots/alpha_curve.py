"""Success over α, one curve per suite, with the α that was chosen."""

from pathlib import Path

from retain.choose.candidate import Candidate
from retain.choose.sweep import Sweep
from retain.errors import EvaluationError
from retain.evaluate.plots import style


def plot_alpha_curve(swept: Sweep, path: Path, taken: Candidate | None = None, title: str | None = None) -> Path:
    """Draw the candidates of a sweep in which all components share one α.

    Args:
        swept: The outcomes; candidates with different α per component are left out.
        path: PNG to write.
        taken: Marks the chosen α where it is one of the curve's.
        title: The finding; by default what happens between the ends, in numbers.

    Raises:
        EvaluationError: Fewer than two candidates have one α for all weights.
    """
    points = sorted((one.uniform, one.name) for one in swept.candidates if one.uniform is not None)
    if len(points) < 2:
        raise EvaluationError("a curve over α needs at least two candidates with the same α for all components")
    result = swept.result
    alphas = [alpha for alpha, _ in points]
    made = style.figure(9.0, 4.8)
    axes = made.add_subplot()
    style.quiet(axes)
    episodes = len(result.successes(points[0][1], result.suites[0]))
    for suite in result.suites:
        label, colour, marker = style.SUITE_STYLE[suite]
        rates = [result.rate(name, suite) for _, name in points]
        axes.fill_between(
            alphas, [100 * one.low for one in rates], [100 * one.high for one in rates], color=colour, alpha=0.15, lw=0
        )
        axes.plot(
            alphas,
            [100 * one.value for one in rates],
            color=colour, marker=marker, markersize=6, linewidth=2, label=f"{label} ({suite})", clip_on=False, zorder=3,
        )  # fmt: skip
    chosen = None
    if taken is not None and taken.name in [name for _, name in points]:
        chosen = next(alpha for alpha, name in points if name == taken.name)
        axes.axvline(chosen, color=style.INK, linestyle="--", linewidth=1.2)
        side = "right" if chosen > 0.5 else "left"
        axes.annotate(
            f"chosen: α = {chosen:g}", (chosen, 3), xytext=(-5 if side == "right" else 5, 0),
            textcoords="offset points", ha=side, fontsize=9, color=style.INK,
        )  # fmt: skip
    axes.set_xlim(min(alphas), max(alphas))
    axes.set_ylim(0, 100)
    axes.set_xticks(alphas, [_tick(alpha) for alpha in alphas])
    axes.set_ylabel("success [% of episodes]", color=style.INK)
    axes.set_xlabel("α, the weight of the finetuned policy", color=style.INK)
    axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), borderaxespad=0, frameon=False, fontsize=9)
    subtitle = (
        f"“{result.skill}”; {episodes} episodes per point, the same for every α; bands: 95 % Wilson intervals;"
        f" seed {result.seed}."
    )
    style.titled(made, title or _finding(swept, points, chosen), subtitle)
    return style.save(made, path)


def _tick(alpha: float) -> str:
    return {0.0: "0\nbase", 1.0: "1\nfinetuned"}.get(alpha, f"{alpha:g}")


def _finding(swept: Sweep, points: list[tuple[float, str]], chosen: float | None) -> str:
    """What the chosen α, or else the best inner one, does to each suite, compared with both ends."""
    result, (_, base), (_, finetuned) = swept.result, points[0], points[-1]
    shown = next((suite for suite in ("ood-val", "ood-position") if suite in result.suites), result.suites[0])
    inner = points[1:-1] or points
    alpha, name = next(
        ((a, n) for a, n in points if a == chosen), max(inner, key=lambda one: result.rate(one[1], shown).value)
    )

    def percent(policy: str, suite: str) -> str:
        return f"{100 * result.rate(policy, suite).value:.0f} %"

    words = {"ood-val": "validation episodes (moved blocks)", "ood-position": "episodes with moved blocks"}
    text = f"α = {alpha:g} solves {percent(name, shown)} of the {words.get(shown, f'episodes of {shown}')}"
    text += f", the finetuned policy {percent(finetuned, shown)}, the base {percent(base, shown)}"
    if "generalist" in result.suites:
        old = [percent(policy, "generalist") for policy in (name, finetuned, base)]
        text += f"; on old tasks {old[0]}, {old[1]} and {old[2]}"
    return text
