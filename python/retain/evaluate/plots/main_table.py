"""The main table as dots with intervals: a panel per suite, a row per policy."""

from pathlib import Path

from retain.evaluate.plots import style
from retain.evaluate.result import EvaluationResult

_COLOURS = (style.SOFT, style.BLUE, style.VERMILION, style.GREEN, style.PURPLE, style.ORANGE, style.SKY)
_MARKERS = ("o", "s", "D", "^", "v", "P", "X")


def plot_main_table(result: EvaluationResult, path: Path, title: str | None = None) -> Path:
    """Draw every policy's success on every suite.

    Args:
        result: The outcomes.
        path: PNG to write.
        title: The finding; by default which policy leads on how many suites.
    """
    policies, suites = list(result.policies), result.suites
    made = style.figure(1.6 + 2.35 * len(suites), 1.9 + 0.42 * len(policies))
    panels = made.subplots(1, len(suites), sharey=True, squeeze=False)[0]
    rows = range(len(policies))
    for suite, axes in zip(suites, panels, strict=True):
        style.quiet(axes, grid="x")
        for row, policy in enumerate(policies):
            rate = result.rate(policy, suite)
            colour, marker = _COLOURS[row % len(_COLOURS)], _MARKERS[row % len(_MARKERS)]
            axes.plot([100 * rate.low, 100 * rate.high], [row, row], color=colour, linewidth=2.5, alpha=0.55)
            axes.plot(100 * rate.value, row, marker, color=colour, markersize=8, clip_on=False, zorder=3)
            inside = 100 * rate.value > 60
            axes.annotate(
                f"{rate.successes}/{rate.n}", (100 * rate.value, row), xytext=(-4 if inside else 4, 7),
                textcoords="offset points", ha="right" if inside else "left", fontsize=8, color=style.INK,
            )  # fmt: skip
        axes.set_title(f"{style.SUITE_STYLE[suite][0]}\n({suite})", fontsize=9, loc="left", color=style.INK)
        axes.set_xlim(0, 100)
        axes.set_xticks([0, 50, 100])
        if axes is not panels[0]:
            axes.tick_params(left=False)
    panels[0].set_yticks(rows, policies)
    panels[0].set_ylim(len(policies) - 0.4, -0.7)
    for axes in panels:
        axes.set_xlabel("success [%]", fontsize=9, color=style.INK)
    n = len(result.successes(policies[0], suites[0]))
    subtitle = (
        f"“{result.skill}”; {n} episodes per cell, the same for every policy; lines: 95 % Wilson intervals;"
        f" seed {result.seed}."
    )
    style.titled(made, title or _finding(result), subtitle)
    return style.save(made, path)


def _finding(result: EvaluationResult) -> str:
    policies, suites = list(result.policies), result.suites
    best = {suite: max(result.rate(policy, suite).value for policy in policies) for suite in suites}
    mean = {p: sum(result.rate(p, suite).value for suite in suites) / len(suites) for p in policies}
    leader = max(policies, key=lambda policy: mean[policy])
    leads = [suite for suite in suites if result.rate(leader, suite).value == best[suite]]
    where = "every suite" if len(leads) == len(suites) else (", ".join(leads) or "no single suite")
    return f"{leader} has the highest mean success ({100 * mean[leader]:.0f} %) and leads on {where}"
