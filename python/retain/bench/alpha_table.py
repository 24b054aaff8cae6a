"""Seconds to a new α in rows, with where they went and what was absent."""

import statistics

from retain.bench.alpha import WAYS, AlphaBench

COLUMNS = ("way", "made s", "× merge", "ready s", "× merge", "of it")
"""Made: the bundle is there; ready: an engine may drive."""


def alpha_rows(result: AlphaBench) -> list[tuple[str, ...]]:
    """One row per way: medians over rounds, their ratios to the merge alone, and the stages."""
    rows: list[tuple[str, ...]] = []
    for run in result.runs:
        stages = ", ".join(f"{name} {seconds:.3g}" for name, seconds in run.stages_s.items() if seconds >= 0.0005)
        pairs = [(f"{statistics.median(s):.3g}", f"{result.times_merge(s):.2f}") for s in (run.made_s, run.ready_s)]
        rows.append((run.way, *pairs[0], *pairs[1], stages))
    return rows


def fact_rows(result: AlphaBench) -> list[tuple[str, str]]:
    """(what, found): what the ways are, those that are not here and why, and the machine."""
    machine, settings = result.machine, result.settings
    return [
        *((run.way, WAYS[run.way]) for run in result.runs),
        *((f"no {way}", reason) for way, reason in result.absent.items()),
        ("policies", f"{result.family}, {result.weights_bytes / 1e6:.3g} MB each"),
        ("rounds", f"{settings.rounds}, all ways with the same α in turn; {settings.threads} threads"),
        ("processor", f"{machine['cpu']}, {machine['cores']} cores, load {machine['load_1min']} at the start"),
    ]
