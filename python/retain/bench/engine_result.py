"""What `retain bench engine` found, and the ratios that may be made of it."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from retain.bench.contenders import ENGINES, Contender
from retain.bench.graph_cost import GraphCost
from retain.bench.peaks import Peaks
from retain.bundle import Bundle
from retain.engine import GoldenReport

if TYPE_CHECKING:
    from retain.bench.engine import EngineBenchSettings


@dataclass(frozen=True)
class Cost:
    """What a chunk has to compute and to move.

    Attributes:
        parts: (name, what one run costs, runs per chunk).
        weight_bytes: Of one weight in an engine.
    """

    parts: tuple[tuple[str, GraphCost, int], ...]
    weight_bytes: int

    @property
    def working_sets(self) -> list[int]:
        """Bytes of every part: where the bandwidth is to be known."""
        return [part.bytes(self.weight_bytes) for _, part, _ in self.parts]

    def floor_s(self, peaks: Peaks) -> dict[str, float]:
        """The least seconds of every part and of the chunk, at a machine's peaks."""
        floors = {name: peaks.floor_s(part.flops, part.bytes(self.weight_bytes)) for name, part, _ in self.parts}
        return floors | {"chunk": sum(floors[name] * runs for name, _, runs in self.parts)}

    def to_json(self) -> dict[str, Any]:
        """By part: GFLOP, MB and how often."""
        return {
            name: {
                "runs": runs,
                "gflop": round(part.flops / 1e9, 6),
                "gflop_by_operator": {operator: round(n / 1e9, 6) for operator, n in part.by_operator.items()},
                "mb": round(part.bytes(self.weight_bytes) / 1e6, 6),
                "weights": part.weights,
                "uncounted_operators": list(part.uncounted),
            }
            for name, part, runs in self.parts
        }


@dataclass(frozen=True)
class EngineRun:
    """One engine's figures.

    Attributes:
        contender: Which engine.
        description: Who computes, with versions.
        atol: How far it may be from the golden outputs and still drive.
        times: "chunk", "prefix", "step" → one tuple of seconds per round. No step where the chunk is regressed.
        errors: Distance to the golden outputs, by output.
        error_beside_eager: max relative error of the chunk against PyTorch eager's of the same run; None without it.
        load_s: To open the engine.
        first_chunk_s: Of the first chunk.
        memory: rss_mib, of which file_mib are mapped files, and peak_mib.
        gpu_mib: Growth of the GPU's used memory; None without a GPU.
        floor_s: The roofline's floor of every part; None where it could not be counted or measured.
    """

    contender: Contender
    description: str
    atol: float
    times: Mapping[str, tuple[tuple[float, ...], ...]]
    errors: Mapping[str, float]
    error_beside_eager: float | None
    load_s: float
    first_chunk_s: float
    memory: Mapping[str, float]
    gpu_mib: float | None
    floor_s: Mapping[str, float] | None

    def percentile_s(self, part: str, percent: float) -> float | None:
        """Over all rounds; None where there is no such part."""
        rounds = self.times.get(part)
        return None if not rounds else float(np.percentile(np.concatenate(rounds), percent))

    def round_medians_s(self, part: str = "chunk") -> list[float]:
        """Each round's median."""
        return [statistics.median(times) for times in self.times[part]]

    @property
    def roofline_percent(self) -> float | None:
        """Of the floor in the median of the rounds' median chunks: 100 is as fast as this machine can be."""
        if self.floor_s is None:
            return None
        return 100.0 * self.floor_s["chunk"] / statistics.median(self.round_medians_s())

    def times_faster_than(self, other: "EngineRun") -> float:
        """Median over rounds of the other's chunk through ours."""
        pairs = zip(other.round_medians_s(), self.round_medians_s(), strict=True)
        return statistics.median(theirs / ours for theirs, ours in pairs)

    def to_json(self) -> dict[str, Any]:
        """Times in ms."""
        parts = {}
        for part, rounds in self.times.items():
            medians = self.round_medians_s(part)
            parts[part] = {
                "count": sum(map(len, rounds)),
                "p50_ms": _ms(self.percentile_s(part, 50)),
                "p99_ms": _ms(self.percentile_s(part, 99)),
                "round_p50_ms": [_ms(median) for median in medians],
                "floor_ms": None if self.floor_s is None else _ms(self.floor_s[part]),
            }
        percent = self.roofline_percent
        return {
            "engine": self.contender.engine,
            "threads": self.contender.threads,
            "description": self.description,
            "what": ENGINES[self.contender.engine].what,
            **parts,
            "errors": dict(self.errors),
            "chunk_error_beside_eager": self.error_beside_eager,
            "load_s": round(self.load_s, 4),
            "first_chunk_s": round(self.first_chunk_s, 4),
            "memory_mib": {name.removesuffix("_mib"): round(value, 1) for name, value in self.memory.items()},
            "gpu_mib": self.gpu_mib,
            "roofline_percent": None if percent is None else round(percent, 1),
        }


@dataclass(frozen=True)
class EngineBench:
    """Everything that was measured.

    Attributes:
        bundle: What was played.
        settings: As asked.
        machine: Its facts.
        runs: Engines that were measured, in the order of `contenders.ENGINES`.
        absent: Label → why it was not measured.
        apart: Whether every turn had a fresh process, with no other engine in memory.
        cost: Of a chunk; None where it could not be counted.
        no_cost: Why there is no roofline, in whole or in part.
        peaks: By device and threads.
    """

    bundle: Bundle
    settings: "EngineBenchSettings"
    machine: Mapping[str, Any]
    runs: tuple[EngineRun, ...]
    absent: Mapping[str, str]
    apart: bool
    cost: Cost | None
    no_cost: str | None
    peaks: Mapping[str, Peaks]

    def eager_beside(self, run: EngineRun) -> EngineRun | None:
        """PyTorch eager on the same device with as many threads, if it was measured."""
        same = (run.contender.device, run.contender.threads)
        eager = (one for one in self.runs if one.contender.engine.startswith("eager"))
        return next((one for one in eager if (one.contender.device, one.contender.threads) == same), None)

    @property
    def wrong(self) -> tuple[str, ...]:
        """A sentence for every engine that may not drive this bundle."""
        reports = ((run.contender.label, GoldenReport(dict(run.errors), run.atol)) for run in self.runs)
        return tuple(
            f"{label} may not drive: {report.worst[0]} is off by {report.worst[1]:.1e}, allowed is {report.atol:.0e}"
            for label, report in reports
            if not report.passed
        )

    def to_json(self) -> dict[str, Any]:
        """Everything as one JSON object."""
        manifest = self.bundle.manifest
        ratios = {
            run.contender.label: round(run.times_faster_than(eager), 3)
            for run in self.runs
            if (eager := self.eager_beside(run)) is not None and eager is not run
        }
        return {
            "what": "one prefix and all flow steps of the golden observation; engines take turns, each in its process",
            "family": manifest.family,
            "weights_sha256": manifest.files[self.bundle.weights.name].sha256,
            "flow_steps": manifest.flow_steps,
            "golden": {"recorded_by": manifest.golden.recorded_by, "atol": manifest.golden.atol},
            "settings": {"rounds": self.settings.rounds, "seconds": self.settings.seconds, "apart": self.apart},
            "engines": [run.to_json() for run in self.runs],
            "times_faster_than_eager": ratios,
            "absent": dict(self.absent),
            "cost": None if self.cost is None else self.cost.to_json(),
            "no_roofline": self.no_cost,
            "peaks": {name: peaks.to_json() for name, peaks in self.peaks.items()},
            "wrong": list(self.wrong),
            "machine": dict(self.machine),
        }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(1e3 * seconds, 4)
