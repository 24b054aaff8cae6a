"""Sentences and tables out of the demo's numbers. They say what was measured, whichever way it went."""

from collections.abc import Sequence
from dataclasses import dataclass

from retain.demo.drive import Drive
from retain.evaluate import EvaluationResult
from retain.evaluate.statistics import Difference, Rate, compare
from retain.page import Table

OOD_TEST = ("ood-position", "ood-distractor", "ood-appearance", "ood-combined")

HEADINGS = {
    "id": "ID",
    "ood-position": "OOD position",
    "ood-distractor": "OOD distractors",
    "ood-appearance": "OOD appearance",
    "ood-combined": "OOD combined",
    "wording": "new wording",
    "generalist": "generalist",
}


@dataclass(frozen=True)
class Story:
    """What the tale is about.

    Attributes:
        result: Outcomes of the policies "base", "finetuned" and `merged`.
        merged: The merged policy's name in the result, with its α.
        alpha_words: α with both ends in words.
        drives: Episodes of the C++ loop.
    """

    result: EvaluationResult
    merged: str
    alpha_words: str
    drives: Sequence[Drive]

    def against_finetuned(self, suite: str) -> Difference:
        """Of the merged minus the finetuned policy, on the same episodes."""
        return compare(self.result.successes("finetuned", suite), self.result.successes(self.merged, suite))


def main_table(story: Story) -> Table:
    """Base, finetuned and merged on every suite: counts, percent, Wilson intervals."""
    result, suites = story.result, story.result.suites
    rows = [[policy, *(_cell(result.rate(policy, suite)) for suite in suites)] for policy in result.policies]
    columns = ["success", *(HEADINGS.get(suite, suite) for suite in suites)]
    return Table(columns, rows, strong=list(result.policies).index(story.merged))


def difference_table(story: Story) -> Table:
    """The merged against the finetuned policy, suite by suite, on the same episodes."""
    rows = []
    for suite in story.result.suites:
        difference = story.against_finetuned(suite)
        value, low, high = (100 * bound for bound in (difference.value, difference.low, difference.high))
        rows.append(
            [
                HEADINGS.get(suite, suite),
                f"{value:+.0f} points",
                f"[{low:+.0f}, {high:+.0f}]",
                f"{difference.only_other} : {difference.only_reference}",
                f"{difference.p:.3f}",
            ]
        )
    columns = ["suite", "merged - finetuned", "95 % (paired bootstrap)", "only merged : only finetuned", "p (McNemar)"]
    return Table(columns, rows)


def headline(story: Story) -> str:
    """What happened, in one sentence."""
    base, tuned, merged = (_ood(story, policy) for policy in ("base", "finetuned", story.merged))
    kept = {policy: story.result.rate(policy, "generalist").value for policy in story.result.policies}
    return (
        f"Out of distribution the base does the new skill in {_percent(base)} of the episodes, the finetuned policy in"
        f" {_percent(tuned)}, the merged one in {_percent(merged)}; of its old skills the base does"
        f" {_percent(kept['base'])}, the finetuned policy {_percent(kept['finetuned'])}, the merged one"
        f" {_percent(kept[story.merged])}."
    )


def table_title(story: Story) -> str:
    """The finding of the main table's picture: what was kept, and what became of moved blocks."""

    def solved(suite: str) -> str:
        merged, tuned, base = (story.result.rate(policy, suite).value for policy in (story.merged, "finetuned", "base"))
        return f"{_percent(merged)} (finetuned {_percent(tuned)}, base {_percent(base)})"

    return f"{story.merged}: old tasks {solved('generalist')}; moved blocks {solved('ood-position')}"


def verdict(story: Story) -> str:
    """What the paired intervals allow one to say about merging, for better or worse."""
    sorted_out: dict[str, list[str]] = {"better": [], "worse": [], "not told apart": []}
    for suite in story.result.suites:
        difference = story.against_finetuned(suite)
        side = "better" if difference.low > 0 else "worse" if difference.high < 0 else "not told apart"
        sorted_out[side].append(HEADINGS.get(suite, suite))
    parts = [f"{side}: {', '.join(suites)}" for side, suites in sorted_out.items() if suites]
    return (
        f"Merged ({story.alpha_words}) against finetuned, on the same episodes and by the 95 % interval of the"
        f" difference - {'; '.join(parts)}."
    )


def driving(story: Story) -> str:
    """What the C++ loop did."""
    by_suite: dict[str, list[Drive]] = {}
    for one in story.drives:
        by_suite.setdefault(one.suite, []).append(one)
    counts = ", ".join(
        f"{sum(bool(one.report.success) for one in drives)} of {len(drives)} scenes of {HEADINGS.get(suite, suite)}"
        for suite, drives in by_suite.items()
    )
    reports = [one.report for one in story.drives]
    ticks, late = sum(report.ticks for report in reports), sum(report.overruns for report in reports)
    inference = sorted(report.inference.p50_s for report in reports)[len(reports) // 2]
    age = sorted(report.frame_age.p50_s for report in reports)[len(reports) // 2]
    return (
        f"The exported bundle drove the simulated arm in real time from the C++ loop (ONNX Runtime, no torch) and"
        f" succeeded in {counts}. {ticks} commands at {reports[0].command_rate_hz:.0f} Hz, {late} ticks late;"
        f" inference {1e3 * inference:.1f} ms, frame to command {1e3 * age:.0f} ms (medians)."
    )


def drive_table(story: Story) -> Table:
    """One row per driven episode."""
    rows = []
    for number, one in enumerate(story.drives):
        report = one.report
        touched = sum(channel.limiter for channel in report.channels)
        rows.append(
            [
                f"{HEADINGS.get(one.suite, one.suite)} {number + 1}",
                f"yes, {report.success_s:.1f} s" if report.success and report.success_s is not None else "no",
                f"{report.inference_rate_hz:.1f}",
                f"{report.action_rate_hz:.1f}",
                f"{report.command_rate_hz:.0f}",
                f"{1e3 * report.lateness.p50_s:.2f} / {1e3 * report.lateness.p99_s:.2f}",
                str(touched),
                report.state,
            ]
        )
    columns = ["scene", "success", "inferences/s", "actions/s", "commands/s", "lateness p50 / p99 [ms]",
               "limiter [joint-ticks]", "ended in"]  # fmt: skip
    return Table(columns, rows)


def _ood(story: Story, policy: str) -> float:
    suites = [suite for suite in story.result.suites if suite in OOD_TEST]
    return sum(story.result.rate(policy, suite).value for suite in suites) / len(suites)


def _cell(rate: Rate) -> str:
    return f"{rate.successes}/{rate.n} [{100 * rate.low:.0f}, {100 * rate.high:.0f}] %"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
