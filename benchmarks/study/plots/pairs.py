"""Two kinds of policy beside each other at some α, shared by E10 and E11."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from retain.evaluate.plots import style

from study.plots.lines import COLUMN_STYLE, interval

Row = Mapping[str, Any]
"""One α on one suite: "alpha", "suite", and an estimate for each kind."""


def draw_pairs(path: Path, rows: Sequence[Row], kinds: Mapping[str, str], finding: str) -> Path:
    """The panels, under what was found and the widest difference.

    Args:
        path: PNG to write.
        rows: What was measured.
        kinds: Two names of estimates → plain words; their difference is under "first - second".
        finding: Begins the title.
    """
    made = _panels(rows, kinds)
    title = f"{finding}: at most {_widest(rows, ' - '.join(kinds))}"
    style.titled(made, title, "One target, three seeds, 90 to 102 episodes a line; lines: 95 %.")
    return style.save(made, path)


def _panels(rows: Sequence[Row], kinds: Mapping[str, str]) -> Figure:
    """A panel per suite, for each α a line per kind.

    Args:
        rows: What was measured.
        kinds: Two names of estimates → plain words.
    """
    suites = list(dict.fromkeys(row["suite"] for row in rows))
    alphas = list(dict.fromkeys(row["alpha"] for row in rows))
    made: Figure = style.figure(10.5, 1.4 + 0.62 * len(alphas))
    drawn = made.subplots(1, len(suites), sharey=True)
    for axes, suite in zip(drawn, suites, strict=True):
        style.quiet(axes, grid="x")
        for row in (one for one in rows if one["suite"] == suite):
            for kind, shift, colour in zip(kinds, (-0.17, 0.17), (style.VERMILION, style.BLUE), strict=True):
                interval(axes, alphas.index(row["alpha"]) + shift, row[kind], colour=colour)
        axes.set_title(COLUMN_STYLE[suite][0], fontsize=9, loc="left", color=style.INK)
        axes.set_xlim(0, 100)
        axes.set_xlabel("success [%]", fontsize=9, color=style.INK)
    drawn[0].set_yticks(range(len(alphas)), [f"α = {alpha:g}" for alpha in alphas])
    drawn[0].set_ylim(len(alphas) - 0.5, -0.6)
    for words, colour in zip(kinds.values(), (style.VERMILION, style.BLUE), strict=True):
        drawn[-1].plot([], [], color=colour, linewidth=2.5, label=words)
    drawn[-1].legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), borderaxespad=0, frameon=False, fontsize=9)
    return made


def _widest(rows: Sequence[Row], gap: str) -> str:
    """The largest difference, in words with its interval."""
    row = max(rows, key=lambda one: abs(one[gap]["value"]))
    value, low, high = (100 * row[gap][name] for name in ("value", "low", "high"))
    return f"{value:+.0f} points [{low:+.0f}, {high:+.0f}] {COLUMN_STYLE[row['suite']][0]} at α = {row['alpha']:g}"
