"""The engines' figures in rows, with what was absent and what the computer is beside them."""

from retain.bench.engine_result import EngineBench, EngineRun

COLUMNS = (
    "engine", "chunk p50", "p99", "prefix p50", "p99", "step p50", "p99", "error", "roofline", "memory", "load",
    "× eager",
)  # fmt: skip
"""Times in ms; error: the largest against the golden outputs; memory in MiB; load in s."""


def engine_rows(result: EngineBench) -> list[tuple[str, ...]]:
    """One row per engine that was measured."""
    return [_row(result, run) for run in result.runs]


def _row(result: EngineBench, run: EngineRun) -> tuple[str, ...]:
    times = [_ms(run.percentile_s(part, p)) for part in ("chunk", "prefix", "step") for p in (50, 99)]
    eager = result.eager_beside(run)
    ratio = "" if eager is None else "1" if eager is run else f"{run.times_faster_than(eager):.2f}"
    percent = "" if run.roofline_percent is None else f"{run.roofline_percent:.0f} %"
    memory = f"{run.memory['rss_mib']:.0f}" + ("" if run.gpu_mib is None else f" + {run.gpu_mib:.0f} GPU")
    worst = max(run.errors.values())
    return (run.contender.label, *times, f"{worst:.1e}", percent, memory, f"{run.load_s:.2f}", ratio)


def fact_rows(result: EngineBench) -> list[tuple[str, str]]:
    """(what, found): engines that are not here and why, what a chunk costs, the machine's peaks, the machine."""
    rows = [(f"no {label}", reason) for label, reason in result.absent.items()]
    if result.cost is not None:
        for name, part, runs in result.cost.parts:
            moved = part.bytes(result.cost.weight_bytes)
            times = f", {runs} times" if runs > 1 else ""
            rows.append((f"{name} computes", f"{part.flops / 1e9:.3g} GFLOP over {moved / 1e6:.3g} MB{times}"))
            if part.uncounted:
                rows.append((f"{name}, not counted", ", ".join(part.uncounted)))
    for label, peaks in result.peaks.items():
        rates = ", ".join(
            f"{rate / 1e9:.3g} GB/s over {size / 2**20:.3g} MiB" for size, rate in peaks.bytes_per_s.items()
        )
        rows.append((f"peaks of {label}", f"{peaks.flops_per_s / 1e9:.3g} GFLOP/s; {rates}"))
    if result.no_cost:
        rows.append(("no roofline", result.no_cost))
    golden, machine = result.bundle.manifest.golden, result.machine
    recorder = golden.recorded_by or "the graphs run node by node"
    turns = f"{result.settings.rounds} turns of {result.settings.seconds:g} s each"
    return [
        *rows,
        ("golden outputs", f"recorded by {recorder}; errors up to {golden.atol:.0e} may drive"),
        ("turns", f"{turns}, {'one process at a time' if result.apart else 'all engines in memory'}"),
        ("processor", f"{machine['cpu']}, {machine['cores']} cores, load {machine['load_1min']} at the start"),
    ]


def _ms(seconds: float | None) -> str:
    if seconds is None:
        return ""
    value = 1e3 * seconds
    return f"{value:.3f}" if value < 10 else f"{value:.1f}" if value < 1000 else f"{value:.0f}"
