"""`retain bench alpha`: seconds from another α to an engine that may drive, by every way there is, beside the merge.

In every round all ways get the same new α, one after the other, because a busy machine changes from minute to minute.
"""

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retain.bench.machine import machine_facts
from retain.bundle import Bundle, GoldenCase
from retain.engine import find_onnxruntime, open_engine
from retain.engine.golden import check_golden
from retain.engine.gpu import find_gpu
from retain.engine.reference import record_reference
from retain.engine.tensorrt import choose_plans, find_module, open_plans
from retain.errors import ConfigError, RetainError, require
from retain.merge import merge

WAYS: Mapping[str, str] = {
    "merge": "the merge alone, into a policy directory",
    "relinked": "merge-export --graph-from: the graphs of another bundle over the new weights",
    "refitted": "merge-export --graph-from --trt: TensorRT engines of another bundle with the new weights put in",
    "rebuilt": "merge-export: traced and exported from PyTorch again",
}
"""Way to a new α → what it is."""

OPENING = ("open", "reference", "engine", "golden")
"""What comes after the bundle: it is read and verified; the graphs of a relinked one are run node by node, once per
machine; the engine is opened; and compared with the golden outputs."""


@dataclass(frozen=True)
class AlphaBenchSettings:
    """What to measure.

    Attributes:
        ways: Names of `WAYS` beside "merge", which is always measured.
        rounds: New α per way.
        threads: Of the engine and of the merge.
        work: Directory for what is made and removed again: up to three times the policy; None: the system's own.
    """

    ways: Sequence[str] = ("relinked", "refitted", "rebuilt")
    rounds: int = 3
    threads: int = 1
    work: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be measured.

        Raises:
            ConfigError: With the value.
        """
        if unknown := [way for way in self.ways if way not in WAYS]:
            raise ConfigError(f"there is no way {', '.join(unknown)}; there are {', '.join(WAYS)}")
        if not 1 <= self.rounds <= 98:
            raise ConfigError(f"{self.rounds} rounds; expected 1 to 98, each with an α of its own")
        if self.threads < 1:
            raise ConfigError(f"{self.threads} threads; expected 1 or more")


@dataclass(frozen=True)
class AlphaRun:
    """One way.

    Attributes:
        way: A name of `WAYS`.
        rounds: Seconds by stage, in order, one mapping per new α. Of ways other than "merge" the last ones are those of
            `OPENING`, on the machine that drives; all before them are the bundle's making.
    """

    way: str
    rounds: tuple[Mapping[str, float], ...]

    @property
    def made_s(self) -> list[float]:
        """Seconds of every round until the bundle is there; for "merge" the policy."""
        return [sum(seconds for name, seconds in stages.items() if name not in OPENING) for stages in self.rounds]

    @property
    def ready_s(self) -> list[float]:
        """Seconds of every round until the engine may drive; for "merge" until the policy is there."""
        return [sum(stages.values()) for stages in self.rounds]

    @property
    def stages_s(self) -> dict[str, float]:
        """Median over rounds by stage."""
        return {name: statistics.median(stages[name] for stages in self.rounds) for name in self.rounds[0]}

    def to_json(self) -> dict[str, Any]:
        """Seconds."""
        return {
            "way": self.way,
            "what": WAYS[self.way],
            "made_s": [round(seconds, 3) for seconds in self.made_s],
            "ready_s": [round(seconds, 3) for seconds in self.ready_s],
            "stages_s": {name: round(seconds, 3) for name, seconds in self.stages_s.items()},
        }


@dataclass(frozen=True)
class AlphaBench:
    """Everything that was measured.

    Attributes:
        settings: As asked.
        machine: Its facts.
        family: Of the policies.
        weights_bytes: Of one policy.
        runs: "merge" first.
        absent: Way → why it was not measured.
    """

    settings: AlphaBenchSettings
    machine: Mapping[str, Any]
    family: str
    weights_bytes: int
    runs: tuple[AlphaRun, ...]
    absent: Mapping[str, str]

    def times_merge(self, seconds: Sequence[float]) -> float:
        """Median over rounds of a way's seconds, made or ready, through those of the merge of the same α."""
        return statistics.median(ours / alone for ours, alone in zip(seconds, self.runs[0].made_s, strict=True))

    def to_json(self) -> dict[str, Any]:
        """Everything as one JSON object."""
        return {
            "what": "seconds from a new alpha to an engine that may drive; every way gets the same alpha in turn",
            "family": self.family,
            "weights_bytes": self.weights_bytes,
            "settings": {"rounds": self.settings.rounds, "threads": self.settings.threads},
            "ways": [
                run.to_json()
                | {
                    "made_times_merge": round(self.times_merge(run.made_s), 3),
                    "ready_times_merge": round(self.times_merge(run.ready_s), 3),
                }
                for run in self.runs
            ],
            "absent": dict(self.absent),
            "machine": dict(self.machine),
        }


def bench_alpha(
    base: str | Path,
    finetuned: str | Path,
    settings: AlphaBenchSettings,
    *,
    progress: Callable[[str], None] | None = None,
) -> AlphaBench:
    """Measure, α by α. What is written is removed again, after Ctrl-C too.

    Args:
        base: `compact-base` or a policy directory.
        finetuned: A policy finetuned from it.
        settings: What to measure.
        progress: Told what has just been done: "first bundle", then ways.

    Raises:
        RetainError: The policies cannot be merged or exported.
    """
    require("onnx", extra="export")
    from retain.export.export import merge_export

    tell = progress or (lambda _: None)
    find_onnxruntime()
    machine = machine_facts(("onnxruntime", "onnx", "torch", "tensorrt", "numpy"))
    absent = {"refitted": reason} if "refitted" in settings.ways and (reason := _no_tensorrt()) else {}
    ways = ["merge", *(way for way in WAYS if way != "merge" and way in settings.ways and way not in absent)]
    rounds: dict[str, list[Mapping[str, float]]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory(prefix="retain-bench-alpha-", dir=settings.work) as folder:
        work = Path(folder)
        trt: dict[str, Any] = {"trt": "fp32"} if "refitted" in ways else {}
        merge_export(base, finetuned, 0.5, work / "donor", threads=settings.threads, **trt)
        donor = Bundle.open(work / "donor", verify=False)
        tell("first bundle")
        for index in range(settings.rounds):
            alpha = round((index + 1) / (settings.rounds + 1), 4) + 0.003  # none is the donor's
            for way in ways:
                made = work / "made"
                rounds[way].append(_run(way, base, finetuned, alpha, made, donor, settings.threads))
                shutil.rmtree(made)
                tell(way)
        family, nbytes = donor.manifest.family, donor.weights.stat().st_size
    runs = tuple(AlphaRun(way, tuple(stages)) for way, stages in rounds.items())
    return AlphaBench(settings, machine, family, nbytes, runs, absent)


def count_steps(settings: AlphaBenchSettings) -> int:
    """Steps that `bench_alpha` will announce."""
    there = [way for way in settings.ways if way != "merge" and not (way == "refitted" and _no_tensorrt())]
    return 1 + settings.rounds * (1 + len(there))


def _run(
    way: str, base: str | Path, finetuned: str | Path, alpha: float, made: Path, donor: Bundle, threads: int
) -> dict[str, float]:
    from retain.export.export import merge_export

    started = time.perf_counter()
    if way == "merge":
        merge(base, finetuned, made, alpha, threads=threads)
        return {"merge": time.perf_counter() - started}
    graph_from = None if way == "rebuilt" else donor.path
    trt: dict[str, Any] = {"trt": "fp32"} if way == "refitted" else {}
    report = merge_export(base, finetuned, alpha, made, graph_from=graph_from, threads=threads, **trt)
    written = time.perf_counter() - started
    # What no stage names: the plan, and waiting until all is on the disk, which the merge alone does too.
    stages = {**report.seconds, "disk": max(written - sum(report.seconds.values()), 0.0)}
    stages["open"], bundle = _timed(lambda: Bundle.open(made))
    # As open_engine does, but nothing is kept for the next time: every α here is new once.
    case = GoldenCase.load(bundle.file(bundle.manifest.golden.file))
    if not case.is_recorded:
        stages["reference"], case = _timed(lambda: record_reference(bundle, case))
    if way == "refitted":
        plans = choose_plans(bundle, {})
        stages["engine"], engine = _timed(lambda: open_plans(bundle, plans))
        atol = plans.sidecar.atol
    else:
        stages["engine"], engine = _timed(lambda: open_engine(bundle, threads=threads, golden=False))
        atol = bundle.manifest.golden.atol
    stages["golden"], _ = _timed(lambda: check_golden(engine, bundle, case, atol))
    return stages


def _no_tensorrt() -> str | None:
    """Why engines cannot be refitted on this machine."""
    from retain.export.tensorrt.flavour import tensorrt

    try:
        tensorrt()
        find_module()
    except RetainError as error:
        return str(error)
    return None if find_gpu() else "there is no NVIDIA GPU to refit an engine for"


def _timed(run: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = run()
    return time.perf_counter() - started, result
