"""`retain bench engine`: how long a policy takes in every engine of this machine, and how right each of them is.

Every engine has a process of its own, so that memory is its own and libraries do not meet. They take turns, because a
busy machine changes from minute to minute; only one plays at a time. Ratios are of turns of the same round.
"""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from retain.bench.contenders import Contender, survey
from retain.bench.engine_process import EngineProcess, Opened
from retain.bench.engine_result import Cost, EngineBench, EngineRun
from retain.bench.graph_cost import cost_of
from retain.bench.machine import machine_facts
from retain.bench.peaks import Peaks, measure_peaks
from retain.bundle import Bundle
from retain.errors import ConfigError, EngineError, MissingExtraError

_WEIGHT_BYTES = 4
"""Engines hold float32: weights that are stored in 16 bits are widened when an engine opens the graphs."""

_SHARE_OF_MEMORY = 0.6
_COPIES = 1.5
"""What an engine keeps of the weights, in float32: some pack them a second time."""


@dataclass(frozen=True)
class EngineBenchSettings:
    """What to measure.

    Attributes:
        engines: Names of `contenders.ENGINES`; None: what is here, but what compiles.
        threads: Of engines on the CPU; None: 1, 2, 4 … and all cores.
        rounds: Turns of every engine.
        seconds: Per turn; at least one chunk is played.
        apart: One process at a time, opened anew for every turn; None: where all engines together would take more
            than 0.6 of the free memory.
    """

    engines: Sequence[str] | None = None
    threads: Sequence[int] | None = None
    rounds: int = 7
    seconds: float = 1.0
    apart: bool | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be measured.

        Raises:
            ConfigError: With the value.
        """
        if self.rounds < 1 or not 0.0 <= self.seconds <= 3600.0:
            raise ConfigError(f"{self.rounds} rounds of {self.seconds:g} s; expected 1 or more, of 0 to 3600 s")


Progress = Callable[[str], None]
"""Told the label of the contender that has just had a turn."""


@dataclass
class _Turns:
    """What one contender has shown so far."""

    contender: Contender
    opened: list[Opened] = field(default_factory=list)
    played: list[Mapping[str, Any]] = field(default_factory=list)
    failure: str | None = None


def count_turns(settings: EngineBenchSettings) -> int:
    """Turns that `bench_engine` will announce if nothing fails."""
    present = [one for one in survey(settings.engines, settings.threads) if one.absent is None]
    return len(present) * settings.rounds


def bench_engine(bundle: Bundle, settings: EngineBenchSettings, *, progress: Progress | None = None) -> EngineBench:
    """Measure, round by round.

    Args:
        bundle: What to play: its golden observation.
        settings: What to measure.
        progress: Told after each turn.

    Raises:
        ConfigError: An unknown engine.
        EngineError: No engine that was asked for is here.
    """
    contenders = survey(settings.engines, settings.threads)
    present = [one for one in contenders if one.absent is None]
    if not present:
        reasons = "; ".join(f"{one.engine}: {one.absent}" for one in contenders)
        raise EngineError(f"no engine can be measured here: {reasons}")
    machine = machine_facts(("onnxruntime", "onnxruntime-gpu", "torch", "tensorrt", "numpy"))
    cost, no_cost = _cost(bundle)
    peaks = _Peaks(cost, present)
    peaks.measure()
    apart = _too_large(bundle, len(present)) if settings.apart is None else settings.apart
    turns = [_Turns(one) for one in present]
    _play(bundle, turns, settings, apart=apart, progress=progress)
    peaks.measure()
    reference = next((one.opened[0].chunk for one in turns if one.contender.engine == "eager" and one.opened), None)
    runs = {one.contender: _run(one, cost, peaks.of(one.contender), reference) for one in turns if one.failure is None}
    absent = {one.label: one.absent for one in contenders if one.absent}
    absent |= {one.contender.label: one.failure for one in turns if one.failure}
    return EngineBench(
        bundle=bundle, settings=settings, machine=machine, runs=tuple(runs.values()), absent=absent, apart=apart,
        cost=cost, no_cost=no_cost or peaks.reason, peaks=peaks.found(),
    )  # fmt: skip


def _play(
    bundle: Bundle, turns: Sequence[_Turns], settings: EngineBenchSettings, *, apart: bool, progress: Progress | None
) -> None:
    steps = bundle.manifest.flow_steps
    with ExitStack() as stack:
        processes = [stack.enter_context(EngineProcess(bundle.path, one.contender, steps)) for one in turns]
        for _ in range(settings.rounds):
            for one, process in zip(turns, processes, strict=True):
                if one.failure is None:
                    try:
                        if not process.running:
                            one.opened.append(process.open())
                        one.played.append(process.play(settings.seconds))
                    except EngineError as error:
                        one.failure = str(error)
                    if apart or one.failure is not None:
                        process.close()
                if progress is not None:
                    progress(one.contender.label)


def _run(one: _Turns, cost: Cost | None, peaks: Peaks | None, reference: tuple[float, ...] | None) -> EngineRun:
    first = one.opened[0]
    beside = None
    if reference is not None and one.contender.engine != "eager":
        expected, found = np.array(reference), np.array(first.chunk)
        beside = float(np.abs(found - expected).max() / max(1.0, np.abs(expected).max()))
    return EngineRun(
        contender=one.contender,
        description=first.description,
        atol=first.atol,
        times={
            part: tuple(tuple(turn[f"{part}_s"]) for turn in one.played)
            for part in ("chunk", "prefix", "step")
            if one.played[0][f"{part}_s"]
        },
        errors=first.errors,
        error_beside_eager=beside,
        load_s=statistics.median(opened.load_s for opened in one.opened),
        first_chunk_s=statistics.median(opened.first_chunk_s for opened in one.opened),
        memory={name: max(turn["memory"][name] for turn in one.played) for name in one.played[0]["memory"]},
        gpu_mib=first.gpu_mib,
        # The peaks are float32's: an engine with smaller products would beat them.
        floor_s=cost.floor_s(peaks) if cost is not None and peaks is not None and first.precision == "fp32" else None,
    )


def _cost(bundle: Bundle) -> tuple[Cost | None, str | None]:
    try:
        costs = [cost_of(bundle.file(graph.file)) for graph in bundle.manifest.graphs.all]
    except MissingExtraError as error:
        return None, str(error)
    parts = zip(("prefix", "step"), costs, (1, bundle.manifest.flow_steps), strict=False)  # no step: it regresses
    return Cost(tuple(parts), _WEIGHT_BYTES), None


class _Peaks:
    """The machine's peaks by device and threads, measured before and after the engines; the best counts."""

    def __init__(self, cost: Cost | None, contenders: Sequence[Contender]) -> None:
        keys = dict.fromkeys((one.device, one.threads) for one in contenders)
        self._runs: dict[tuple[str, int | None], list[Peaks]] = {key: [] for key in keys}
        self._sizes = [] if cost is None else cost.working_sets
        self.reason: str | None = None

    def measure(self) -> None:
        for (device, threads), runs in self._runs.items():
            if not self._sizes:
                continue
            try:
                runs.append(measure_peaks(threads or 1, self._sizes, device))
            except EngineError as error:
                self.reason = str(error)

    def of(self, contender: Contender) -> Peaks | None:
        runs = self._runs[contender.device, contender.threads]
        return Peaks.best(runs) if runs else None

    def found(self) -> dict[str, Peaks]:
        return {
            device if threads is None else f"{device}, {threads} thread{'s' * (threads > 1)}": Peaks.best(runs)
            for (device, threads), runs in self._runs.items()
            if runs
        }


def _too_large(bundle: Bundle, engines: int) -> bool:
    wide = sum(size * 2 if dtype in ("BF16", "F16") else size for dtype, size in _stored(bundle))
    return engines * wide * _COPIES > _SHARE_OF_MEMORY * _free_bytes()


def _stored(bundle: Bundle) -> Iterator[tuple[str, int]]:
    from retain.checkpoint import open_checkpoint

    for tensor in open_checkpoint(bundle.weights).tensors.values():
        yield tensor.dtype, tensor.nbytes


def _free_bytes() -> int:
    lines = Path("/proc/meminfo").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
