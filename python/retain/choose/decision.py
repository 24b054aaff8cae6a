"""What is to be done, why, at what cost, and what nobody looked at; from rollouts or from proxies."""

import math
from dataclasses import dataclass
from typing import Literal

from retain.choose.candidate import BASE, FINETUNED, Candidate
from retain.choose.costs import Cost, cost_sentences, costs, front
from retain.choose.geometry import Geometry
from retain.choose.proxies import ProxyTable
from retain.choose.recommend import Recommendation
from retain.choose.rule import Choice, rule_words
from retain.choose.sweep import GENERALIST, VALIDATION, Sweep

Evidence = Literal["rollouts", "proxies"]


@dataclass(frozen=True)
class RolloutEvidence:
    """What rollouts showed.

    Attributes:
        swept: The outcomes.
        choice: What the rule took.
        front: Candidates on the Pareto front of the validation suite against the generalist.
        costs: The chosen one against both ends, suite by suite.
    """

    swept: Sweep
    choice: Choice
    front: tuple[Candidate, ...]
    costs: tuple[Cost, ...]


@dataclass(frozen=True)
class ProxyEvidence:
    """What recorded frames showed, without an episode run.

    Attributes:
        table: The proxies of every candidate.
        recommended: What they alone would take.
    """

    table: ProxyTable
    recommended: Recommendation


@dataclass(frozen=True)
class Decision:
    """A chosen α and everything that speaks for and against it.

    Attributes:
        by: What the choice rests on.
        candidate: The chosen α.
        rule: How it was chosen, in a sentence that does not depend on the numbers.
        reason: Why this one, in a sentence with the numbers.
        cost: What it costs, in sentences.
        blind_spots: What nobody looked at, in sentences.
        command: What to type next.
        rollouts: What rollouts showed, if there were any.
        proxies: What recorded frames showed, if they were looked at.
        geometry: What several runs' weights showed, if there were several; it does not change the choice.
    """

    by: Evidence
    candidate: Candidate
    rule: str
    reason: str
    cost: tuple[str, ...]
    blind_spots: tuple[str, ...]
    command: str
    rollouts: RolloutEvidence | None
    proxies: ProxyEvidence | None
    geometry: Geometry | None = None

    @property
    def title(self) -> str:
        """What to do, in a few words."""
        if self.candidate == BASE:
            return "Keep the base: no merge keeps the old tasks and does the new one better"
        if self.candidate == FINETUNED and self.by == "proxies":
            return "Keep the finetuned policy: no merge has kept enough of what it learnt, on recorded frames"
        if self.candidate == FINETUNED:
            return "Keep the finetuned policy: nothing speaks for merging it"
        return f"Merge at {self.candidate.name}"

    @property
    def headline(self) -> str:
        """What is to be expected, in one sentence."""
        if self.rollouts is None:
            return f"No episode was run. {self.reason}"
        result = self.rollouts.swept.result

        def percent(one: Candidate, suite: str) -> str:
            return f"{100 * result.rate(one.name, suite).value:.0f} %"

        chosen = self.candidate
        words = (
            f"With blocks where they were never demonstrated, this policy does the new task in"
            f" {percent(chosen, VALIDATION)} of the episodes (finetuned {percent(FINETUNED, VALIDATION)}, base"
            f" {percent(BASE, VALIDATION)}); of the old tasks it does {percent(chosen, GENERALIST)} (finetuned"
            f" {percent(FINETUNED, GENERALIST)}, base {percent(BASE, GENERALIST)})"
        )
        if "id" in result.suites:
            words += f"; as demonstrated, the new task {percent(chosen, 'id')} (finetuned {percent(FINETUNED, 'id')})"
        return words + "."


def decide_by_rollouts(
    swept: Sweep,
    choice: Choice,
    ends: tuple[str, str],
    proxies: ProxyEvidence | None = None,
    geometry: Geometry | None = None,
) -> Decision:
    """The rule's choice as a decision.

    Args:
        swept: The outcomes.
        choice: What the rule took out of them.
        ends: The base and the finetuned policy as a user would type them.
        proxies: Measured beside the rollouts; they do not change the choice.
        geometry: Of several runs; it does not change it either.
    """
    found = costs(swept, choice.candidate)
    return Decision(
        by="rollouts",
        candidate=choice.candidate,
        rule=rule_words(choice.tolerance),
        reason=choice.reason,
        cost=tuple(cost_sentences(found)),
        blind_spots=_unseen_by_rollouts(swept),
        command=choice.candidate.merge_command(*ends),
        rollouts=RolloutEvidence(swept, choice, front(swept), found),
        proxies=proxies,
        geometry=geometry,
    )


def decide_by_proxies(proxies: ProxyEvidence, ends: tuple[str, str], geometry: Geometry | None = None) -> Decision:
    """The recommendation without rollouts as a decision.

    Args:
        proxies: What was measured, and what was made of it.
        ends: The base and the finetuned policy as a user would type them.
        geometry: Of several runs; it does not change the choice.
    """
    recommended = proxies.recommended
    candidate = Candidate.of(dict(recommended.alpha))
    return Decision(
        by="proxies",
        candidate=candidate,
        rule="from errors and losses on recorded frames, without an episode run",
        reason=recommended.reason,
        cost=tuple(recommended.cost),
        blind_spots=tuple(recommended.blind_spots),
        command=candidate.merge_command(*ends),
        rollouts=None,
        proxies=proxies,
        geometry=geometry,
    )


def _unseen_by_rollouts(swept: Sweep) -> tuple[str, ...]:
    result = swept.result
    n = len(result.successes(BASE.name, VALIDATION))
    half = 50 * 1.96 / math.sqrt(n)  # at a rate of 1/2, where it is widest
    selection = (
        f"The success on {VALIDATION} of an α that was chosen on {VALIDATION} is too good by selection; what it is"
        " worth stands in the test suites, which nobody looked at here."
    )
    shift = (
        f"{VALIDATION} is one kind of shift, blocks that start elsewhere; other light, other objects or other words may"
        " want another α."
    )
    return (
        selection,
        f"{n} episodes a point: rates are known to about ±{half:.0f} points, so neighbours are often equal.",
        shift,
        f"Old tasks are those of {GENERALIST}; a skill that is not among them may be lost unseen.",
        "One finetuning run was looked at; another seed of it may want another α.",
        "The episodes are simulated; friction, light and delay of a real robot are not in them.",
    )
