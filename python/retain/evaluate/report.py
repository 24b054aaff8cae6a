"""Results as rows that can be printed, drawn and quoted: counts, intervals, paired differences."""

from dataclasses import asdict, dataclass
from typing import Any

from retain.evaluate.result import EvaluationResult
from retain.evaluate.statistics import Difference, Rate, compare, holm


@dataclass(frozen=True)
class Comparison:
    """One policy against the first, on one suite.

    Attributes:
        policy, suite: Which.
        reference: The first policy's name.
        difference: policy − reference on the same episodes.
        p_holm: McNemar's p after Holm's correction over all comparisons of the evaluation.
    """

    policy: str
    suite: str
    reference: str
    difference: Difference
    p_holm: float


def comparisons(result: EvaluationResult) -> list[Comparison]:
    """Every later policy against the first, on every suite."""
    reference, *others = result.policies
    cells = [(policy, suite) for policy in others for suite in result.suites]
    differences = [
        compare(result.successes(reference, suite), result.successes(policy, suite)) for policy, suite in cells
    ]
    adjusted = holm([difference.p for difference in differences])
    return [
        Comparison(policy, suite, reference, difference, p)
        for (policy, suite), difference, p in zip(cells, differences, adjusted, strict=True)
    ]


def rate_text(rate: Rate) -> str:
    """Such as "87/100  87 % [79, 92]"."""
    return f"{rate.successes}/{rate.n}  {100 * rate.value:.0f} % [{100 * rate.low:.0f}, {100 * rate.high:.0f}]"


def difference_text(difference: Difference) -> str:
    """Such as "+12 points [+4, +20]"."""
    value, low, high = (100 * bound for bound in (difference.value, difference.low, difference.high))
    return f"{value:+.0f} points [{low:+.0f}, {high:+.0f}]"


def p_text(p: float) -> str:
    """Such as "0.031" or "< 0.001"."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def rate_table(result: EvaluationResult) -> tuple[list[str], list[list[str]]]:
    """Columns and rows: a policy per row, a suite per column."""
    rows = [[policy, *(rate_text(result.rate(policy, suite)) for suite in result.suites)] for policy in result.policies]
    return ["policy", *result.suites], rows


def comparison_table(result: EvaluationResult) -> tuple[list[str], list[list[str]]]:
    """Columns and rows: one comparison with the first policy per row; no rows for a single policy."""
    rows = [
        [
            one.policy,
            one.suite,
            difference_text(one.difference),
            f"{one.difference.only_other} : {one.difference.only_reference}",
            p_text(one.difference.p),
            p_text(one.p_holm),
        ]
        for one in comparisons(result)
    ]
    reference = next(iter(result.policies))
    return ["policy", "suite", f"against {reference}", "only it : only that", "p (McNemar)", "p (Holm)"], rows


def summary(result: EvaluationResult) -> dict[str, Any]:
    """Rates and comparisons as plain dictionaries, for --json."""
    rates: dict[str, dict[str, Any]] = {}
    for policy in result.policies:
        measured = {suite: result.rate(policy, suite) for suite in result.suites}
        rates[policy] = {suite: asdict(rate) | {"rate": rate.value} for suite, rate in measured.items()}
    return {
        "skill": result.skill,
        "seed": result.seed,
        "rates": rates,
        "comparisons": [asdict(one) for one in comparisons(result)],
    }
