"""A picture of the engines: what a chunk takes in each, of which parts it is made, and the floor below it."""

from pathlib import Path

from retain.bench.engine_result import EngineBench, EngineRun
from retain.evaluate.plots import style


def plot_engines(result: EngineBench, path: Path) -> Path:
    """Draw a bar per engine, the fastest on top.

    Args:
        result: The measurement.
        path: PNG to write.
    """
    runs = sorted(result.runs, key=_chunk_ms, reverse=True)
    made = style.figure(9.6, 2.2 + 0.55 * len(runs))
    axes = made.subplots()
    axes.barh(range(len(runs)), [_chunk_ms(run) for run in runs], height=0.6, color=style.SKY)
    axes.barh(
        range(len(runs)), [_ms(run, "prefix") for run in runs], height=0.6, color=style.BLUE, label="of it the prefix"
    )
    axes.plot(
        [_ms(run, "chunk", 99) for run in runs], range(len(runs)), "|", color=style.INK, markersize=12,
        label="p99 of a chunk",
    )  # fmt: skip
    floors = [(i, 1e3 * run.floor_s["chunk"]) for i, run in enumerate(runs) if run.floor_s is not None]
    if floors:
        axes.plot(
            [x for _, x in floors], [y for y, _ in floors], "D", color=style.VERMILION, markersize=6,
            label="floor of the roofline",
        )  # fmt: skip
    longest = max(_ms(run, "chunk", 99) for run in runs)
    for index, run in enumerate(runs):
        axes.annotate(
            _told(result, run), (max(_chunk_ms(run), _ms(run, "chunk", 99)), index), xytext=(8, 0),
            textcoords="offset points", va="center", fontsize=8.5, color=style.INK,
        )  # fmt: skip
    axes.set_yticks(range(len(runs)), [run.contender.label for run in runs])
    style.quiet(axes, grid="x")
    axes.set_xlim(0, 1.55 * longest)
    axes.set_xlabel("one chunk [ms], p50", color=style.INK)
    axes.legend(frameon=False, fontsize=9, ncols=3, loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.2)
    style.titled(made, _title(result, runs), _subtitle(result))
    return style.save(made, path)


def _ms(run: EngineRun, part: str, percent: float = 50) -> float:
    return 1e3 * (run.percentile_s(part, percent) or 0.0)


def _chunk_ms(run: EngineRun) -> float:
    return _ms(run, "chunk")


def _told(result: EngineBench, run: EngineRun) -> str:
    percent = run.roofline_percent
    roofline = "" if percent is None else f", {percent:.0f} % of the roofline"
    eager = result.eager_beside(run)
    ratio = "" if eager is None or eager is run else f", {run.times_faster_than(eager):.1f} × eager"
    worst = max(run.errors.values())
    error = f"error {worst:.0e}" if worst else "no error"
    return f"{_milliseconds(_chunk_ms(run))} ms{ratio}{roofline}, {error}"


def _milliseconds(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def _title(result: EngineBench, runs: list[EngineRun]) -> str:
    """Of runs from the slowest to the fastest."""
    fastest, eager = runs[-1], [run for run in runs if run.contender.engine.startswith("eager")]
    beside = ""
    if eager and fastest is not eager[-1]:
        beside = f", {fastest.times_faster_than(eager[-1]):.1f} times faster than PyTorch eager at its best"
    family, label = result.bundle.manifest.family, fastest.contender.label
    return f"A chunk of {family} takes {_milliseconds(_chunk_ms(fastest))} ms on {label}{beside}"


def _subtitle(result: EngineBench) -> str:
    machine, one = result.machine, result.settings
    cost = ""
    if result.cost is not None:
        flops = sum(part.flops * runs for _, part, runs in result.cost.parts) / 1e9
        cost = f"{flops:.3g} GFLOP per chunk; "
    absent = ", ".join(result.absent)
    return (
        f"{cost}{machine['cpu']}, {machine['cores']} cores, load {machine['load_1min']} at the start; "
        f"{one.rounds} turns of {one.seconds:g} s each, one engine after the other. "
        + (f"Not measured: {absent}." if absent else "")
    )
