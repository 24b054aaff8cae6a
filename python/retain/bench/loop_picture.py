"""A picture of the loop's lateness beside cyclictest's, and of what a tick costs."""

from itertools import pairwise
from pathlib import Path
from typing import Any

from retain.bench.distribution import Distribution
from retain.bench.loop import BODY_P50_US, BODY_P999_US, LoopBench
from retain.evaluate.plots import style

_BINS_PER_DECADE = 24


def plot_loop(result: LoopBench, path: Path) -> Path:
    """Draw both distributions on logarithmic axes, so that one late wake-up in 16 000 is seen.

    Args:
        result: The measurement.
        path: PNG to write.
    """
    made = style.figure(9.6, 4.8)
    left, right = made.subplots(1, 2, sharey=True)
    _histogram(left, result.lateness, style.BLUE, "the tick", filled=True)
    if result.cyclictest is not None:
        _histogram(left, result.cyclictest, style.VERMILION, "cyclictest", filled=False)
    _histogram(right, result.body, style.GREEN, "the tick's body", filled=True)
    right.axvline(BODY_P50_US, color=style.SOFT, linestyle=":")
    right.axvline(BODY_P999_US, color=style.SOFT, linestyle="--")
    for axes, label in ((left, "wake-up lateness [µs]"), (right, f"body at {result.settings.joints} joints [µs]")):
        style.quiet(axes, grid="both")
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel(label, color=style.INK)
        axes.xaxis.set_major_formatter(_plain)
        axes.legend(frameon=False, fontsize=9, loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.2)
    left.set_ylabel("share of all", color=style.INK)
    top = right.get_ylim()[1]
    for goal, name in ((BODY_P50_US, "goal, p50"), (BODY_P999_US, "goal, p99.9")):
        right.text(goal, top, f" {name}", fontsize=8, color=style.SOFT, va="top", rotation=90, ha="right")
    style.titled(made, _title(result), _subtitle(result))
    return style.save(made, path)


def _plain(value: float, _: Any) -> str:
    return f"{value:g}"


def _histogram(axes: Any, one: Distribution, colour: str, label: str, *, filled: bool) -> None:
    # Bins of equal width on the logarithmic axis; what is shorter than 0.1 µs goes into the first.
    edges = [10 ** (-1 + i / _BINS_PER_DECADE) for i in range(6 * _BINS_PER_DECADE + 1)]
    shares = [0.0] * (len(edges) - 1)
    total = max(one.count, 1)
    for duration, count in one.counts.items():
        index = next((i for i, (_, high) in enumerate(pairwise(edges)) if duration < high), len(shares) - 1)
        shares[index] += count / total
    used = [i for i, share in enumerate(shares) if share > 0]
    first, last = (used[0], used[-1]) if used else (0, 0)
    axes.stairs(
        shares[first : last + 1], edges[first : last + 2], color=colour, fill=filled, alpha=0.45 if filled else 1.0,
        linewidth=1.6, label=f"{label}: p50 {one.percentile(0.5):.1f}, p99.9 {one.percentile(0.999):.0f} µs",
        baseline=0.3 / total,
    )  # fmt: skip
    axes.set_ylim(0.3 / total, 1.0)


def _title(result: LoopBench) -> str:
    ratio, p50 = result.lateness_ratio, result.lateness.percentile(0.5)
    beside = "" if ratio is None else f", {ratio:.2f} times cyclictest's median"
    return f"The tick wakes up {p50:.0f} µs late{beside}; its body takes {result.body.percentile(0.5):.1f} µs"


def _subtitle(result: LoopBench) -> str:
    one, machine = result.settings, result.machine
    klass = f"SCHED_FIFO {one.priority}" if one.priority else "normal class"
    return (
        f"{machine['cpu']}, {machine['cores']} cores, kernel {machine['kernel']}, load {machine['load_1min']} at the "
        f"start, steal {result.steal_percent:.2f} %; {one.rate_hz:g} Hz, {klass}, {one.segments} segments of "
        f"{one.seconds:g} s each, taking turns; no device."
    )
