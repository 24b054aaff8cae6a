"""`retain bench loop`: how late the tick wakes up beside cyclictest, and what a tick costs, on this computer.

The two take turns in short segments, at the same priority and interval, because a busy machine changes from minute to
minute. The arm is only memory: the figures are the loop's own, without a device.
"""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from retain._core import runtime as core
from retain.bench.cyclictest import CyclictestRun, run_cyclictest
from retain.bench.distribution import Distribution
from retain.bench.machine import machine_facts, steal_ticks
from retain.doctor import Finding, Machine, examine, realtime_findings
from retain.errors import ConfigError

BODY_P50_US, BODY_P999_US, LATENESS_RATIO = 5.0, 20.0, 1.1
"""What docs/run.md promises: the tick's body, and the ratio of the median lateness to cyclictest's."""

_CYCLICTEST_MIDDLE_US = 0.5
"""cyclictest rounds down to whole µs: on average its wake-ups were this much later than it says."""


@dataclass(frozen=True)
class LoopBenchSettings:
    """What to measure.

    Attributes:
        rate_hz: Ticks per second.
        joints: Of the arm.
        priority: SCHED_FIFO priority of both; 0: the normal class.
        cpu: Core for both; None: any.
        segments: Of each.
        seconds: Per segment.
        cyclictest: The program, or None to measure the tick alone.
    """

    rate_hz: float = 500.0
    joints: int = 14
    priority: int = 80
    cpu: int | None = None
    segments: int = 16
    seconds: float = 2.0
    cyclictest: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be measured.

        Raises:
            ConfigError: With the value.
        """
        if self.segments < 1 or self.seconds < 0.1:
            raise ConfigError(f"{self.segments} segments of {self.seconds} s; expected 1 or more, of 0.1 s or more")
        if not 0 <= self.priority <= 99:
            raise ConfigError(f"priority is {self.priority}; expected 1 to 99, or 0 for the normal class")
        if not 1.0 <= self.rate_hz <= 10_000.0:
            raise ConfigError(f"rate is {self.rate_hz:g} Hz; expected 1 to 10000")


@dataclass(frozen=True)
class LoopBench:
    """What was measured. Durations in µs, over all segments."""

    settings: LoopBenchSettings
    machine: Mapping[str, Any]
    findings: tuple[Finding, ...]
    realtime: tuple[Mapping[str, Any], ...]
    lateness: Distribution
    body: Distribution
    cyclictest: Distribution | None
    segment_medians: Mapping[str, tuple[float, ...]]
    totals: Mapping[str, float]
    steal_percent: float
    missed: tuple[str, ...] = field(default=())

    @property
    def lateness_ratio(self) -> float | None:
        """Median over segments of the tick's p50, through that of cyclictest's; None without cyclictest."""
        if self.cyclictest is None:
            return None
        ours, theirs = (statistics.median(self.segment_medians[name]) for name in ("tick", "cyclictest"))
        return ours / theirs if theirs > 0 else None

    def to_json(self) -> dict[str, Any]:
        """Everything as one JSON object."""
        ratio = self.lateness_ratio
        return {
            "machine": dict(self.machine),
            "realtime_findings": [finding.to_json() for finding in self.findings],
            "settings": {name: value for name, value in vars(self.settings).items() if name != "cyclictest"},
            "realtime": [dict(grant) for grant in self.realtime],
            "lateness_us": self.lateness.to_json(),
            "cyclictest_lateness_us": self.cyclictest.to_json() if self.cyclictest else None,
            "segment_p50_us": {
                name: [round(one, 3) for one in values] for name, values in self.segment_medians.items()
            },
            "lateness_ratio": None if ratio is None else round(ratio, 3),
            "body_us": self.body.to_json(),
            "totals": dict(self.totals),
            "allocations_on_the_tick": "not counted here; 0 in tests/cpp/runtime/allocation_test.cpp",
            "steal_percent_meanwhile": round(self.steal_percent, 2),
            "goals": {"body_p50_us": BODY_P50_US, "body_p999_us": BODY_P999_US, "lateness_ratio": LATENESS_RATIO},
            "missed": list(self.missed),
        }


def bench_loop(settings: LoopBenchSettings, *, progress: Callable[[int], None] | None = None) -> LoopBench:
    """Measure, segment by segment.

    Args:
        settings: What to measure.
        progress: Called with 1 after each pair of segments.

    Raises:
        ConfigError: More joints than the loop drives, or cyclictest failed.
    """
    machine = machine_facts()
    findings = tuple(realtime_findings(examine(Machine())))
    request = core.RealtimeRequest(settings.priority or None, settings.cpu, True)
    ours: list[dict[str, Any]] = []
    theirs: list[CyclictestRun] = []
    stolen_before, passed_before = steal_ticks()
    for _ in range(settings.segments):
        ours.append(core.benchmark_tick(settings.joints, settings.rate_hz, settings.seconds, request))
        if settings.cyclictest:
            interval_us = round(1e6 / settings.rate_hz)
            theirs.append(
                run_cyclictest(
                    settings.cyclictest, priority=settings.priority, interval_us=interval_us, seconds=settings.seconds,
                    cpu=settings.cpu,
                )
            )  # fmt: skip
        if progress:
            progress(1)
    stolen, passed = steal_ticks()
    lateness = Distribution.added((_in_us(run["lateness_counts"]), 1e6 * run["lateness"]["max_s"]) for run in ours)
    body = Distribution.added((_in_us(run["body_counts"]), 1e6 * run["body"]["max_s"]) for run in ours)
    other = Distribution.added((_shifted(run), run.max_us) for run in theirs) if theirs else None
    medians = {
        "tick": tuple(Distribution(_in_us(run["lateness_counts"]), float("inf")).percentile(0.5) for run in ours)
    }
    if theirs:
        medians["cyclictest"] = tuple(Distribution(_shifted(run), float("inf")).percentile(0.5) for run in theirs)
    result = LoopBench(
        settings=settings, machine=machine, findings=findings, realtime=tuple(ours[0]["realtime"]), lateness=lateness,
        body=body, cyclictest=other, segment_medians=medians, totals=_totals(ours),
        steal_percent=100.0 * (stolen - stolen_before) / max(passed - passed_before, 1),
    )  # fmt: skip
    return LoopBench(**{**vars(result), "missed": missed_goals(result)})


def missed_goals(result: LoopBench) -> tuple[str, ...]:
    """The goals that this run missed, as sentences."""
    missed = []
    p50, p999 = result.body.percentile(0.5), result.body.percentile(0.999)
    if p50 > BODY_P50_US:
        missed.append(f"tick body p50 is {p50:.1f} µs, the goal is {BODY_P50_US:g}")
    if p999 > BODY_P999_US:
        missed.append(f"tick body p99.9 is {p999:.1f} µs, the goal is {BODY_P999_US:g}")
    ratio = result.lateness_ratio
    if ratio is not None and ratio > LATENESS_RATIO:
        missed.append(f"the median lateness is {ratio:.2f} times cyclictest's, the goal is {LATENESS_RATIO:g}")
    return tuple(missed)


def _in_us(counts: list[tuple[int, int]]) -> dict[float, int]:
    # A bucket reaches 1/32 below its upper edge: its middle errs by 1.6 % at most, to neither side.
    return {upper_ns * (1 - 1 / 64) / 1e3 if upper_ns >= 32 else upper_ns / 1e3: count for upper_ns, count in counts}


def _shifted(run: CyclictestRun) -> dict[float, int]:
    return {us + _CYCLICTEST_MIDDLE_US: count for us, count in run.counts.items()} | (
        {float("inf"): run.overflows} if run.overflows else {}
    )


def _totals(runs: list[dict[str, Any]]) -> dict[str, float]:
    names = ("ticks", "skipped", "chunks", "actions", "page_faults", "voluntary_switches")
    totals: dict[str, float] = {name: sum(run[name] for run in runs) for name in names}
    seconds = sum(run["duration_s"] for run in runs)
    rates = (("commands_per_s", "ticks"), ("chunks_per_s", "chunks"), ("actions_per_s", "actions"))
    return totals | {rate: round(totals[name] / seconds, 2) for rate, name in rates}
