"""What a choice buys and costs, in points of success with paired intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

from retain.choose.candidate import BASE, FINETUNED, Candidate
from retain.choose.pareto import pareto_front
from retain.choose.sweep import GENERALIST, VALIDATION, Sweep
from retain.evaluate.report import difference_text
from retain.evaluate.statistics import Difference, compare

SUITE_WORDS = {
    "id": "the new task as demonstrated",
    VALIDATION: "the new task, blocks moved",
    GENERALIST: "old tasks",
}


@dataclass(frozen=True)
class Cost:
    """The chosen candidate against one end, on one suite, on the same episodes.

    Attributes:
        suite: Where.
        against: "base" or "finetuned".
        difference: Chosen − end.
    """

    suite: str
    against: str
    difference: Difference

    @property
    def sentence(self) -> str:
        """Such as "old tasks: -2 points [-5, +1] against the base"."""
        end = {"finetuned": "finetuned policy"}.get(self.against, self.against)
        where = SUITE_WORDS.get(self.suite, self.suite)
        return f"{where}: {difference_text(self.difference)} against the {end}"


def costs(swept: Sweep, chosen: Candidate) -> tuple[Cost, ...]:
    """The chosen candidate against each end that it is not, on every suite of the sweep."""
    result = swept.result
    return tuple(
        Cost(suite, name, compare(result.successes(end.name, suite), result.successes(chosen.name, suite)))
        for suite in result.suites
        for name, end in (("finetuned", FINETUNED), ("base", BASE))
        if end != chosen
    )


def front(swept: Sweep) -> tuple[Candidate, ...]:
    """The candidates that no other beats on the OOD validation suite without losing on the generalist."""
    result = swept.result
    rates = [[result.rate(one.name, suite).value for suite in (VALIDATION, GENERALIST)] for one in swept.candidates]
    return tuple(swept.candidates[index] for index in pareto_front(rates))


_TOLD = (
    ("id", "finetuned"),
    (VALIDATION, "finetuned"),
    (VALIDATION, "base"),
    (GENERALIST, "base"),
    (GENERALIST, "finetuned"),
)


def cost_sentences(found: Sequence[Cost]) -> list[str]:
    """What a reader needs to know first: the price in distribution; moved blocks and old tasks against both ends."""
    by_cell = {(one.suite, one.against): one for one in found}
    return [by_cell[cell].sentence for cell in _TOLD if cell in by_cell]
