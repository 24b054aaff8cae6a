"""The loop's figures in words, with what the computer is beside them."""

from retain.bench.distribution import Distribution
from retain.bench.loop import BODY_P50_US, BODY_P999_US, LATENESS_RATIO, LoopBench
from retain.doctor import Status

Row = tuple[str, str, str, str, str]


def latency_rows(result: LoopBench) -> list[Row]:
    """(what, p50, p99, p99.9, max), µs, over all segments."""
    rows = [_row("wake-up lateness", result.lateness)]
    if result.cyclictest is not None:
        rows.append(_row("  cyclictest", result.cyclictest))
    return [*rows, _row("tick body", result.body)]


def _row(what: str, one: Distribution) -> Row:
    shares = (one.percentile(share) for share in (0.5, 0.99, 0.999))
    p50, p99, p999 = (f"{value:.1f}" for value in shares)
    return what, p50, p99, p999, f"{one.max_us:.1f}"


def fact_rows(result: LoopBench) -> list[tuple[str, str]]:
    """(what, found): ratio and goals, counts, what was granted, and what the doctor says about timing."""
    totals, settings = result.totals, result.settings
    ratio = result.lateness_ratio
    refused = [f"{grant['what']} REFUSED: {grant['reason']}" for grant in result.realtime if not grant["granted"]]
    granted = [grant["what"] for grant in result.realtime if grant["granted"]]
    compared = "not measured: no cyclictest"
    if ratio is not None:
        compared = f"{ratio:.2f} (median of {settings.segments} segments' p50; goal {LATENESS_RATIO:g})"
    rates = ("commands", "actions", "chunks")
    switches = f"{totals['voluntary_switches']:g} in {totals['ticks']:g} ticks; one per tick is its sleep"
    load = f"{result.machine['load_1min']} at the start"
    rows = [
        ("lateness, ratio to cyclictest", compared),
        ("tick body, goals", f"p50 {BODY_P50_US:g} µs, p99.9 {BODY_P999_US:g} µs, at {settings.joints} joints"),
        ("rates", ", ".join(f"{totals[f'{rate}_per_s']:g} {rate}/s" for rate in rates)),
        ("skipped periods", f"{totals['skipped']:g} of {totals['ticks'] + totals['skipped']:g}"),
        ("page faults on the tick", f"{totals['page_faults']:g}"),
        ("times the tick gave up its core", switches),
        ("granted", "; ".join([*granted, *refused]) or "nothing asked for"),
        ("load, steal", f"{load}; the hypervisor took {result.steal_percent:.2f} % meanwhile"),
        ("processor", f"{result.machine['cpu']}, {result.machine['cores']} cores"),
    ]
    for finding in result.findings:
        mark = "" if finding.status is Status.OK else f" ({finding.status.value}: expected {finding.expected})"
        rows.append((finding.what, finding.found + mark))
    return rows
