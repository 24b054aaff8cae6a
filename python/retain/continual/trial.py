"""A change on trial: the policy before and the policy after do the same exam, and the gate judges."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from retain.continual.exam import Exam
from retain.continual.gate import Cell, Verdict, judge
from retain.continual.line import Skill


@dataclass(frozen=True)
class Gate:
    """What a change must pass.

    Attributes:
        exam: How policies are measured.
        max_loss: Points that may be lost.
    """

    exam: Exam
    max_loss: float


def try_change(gate: Gate, before: Path, after: Path, kept: Sequence[Skill], learnt: Skill | None = None) -> Verdict:
    """Measure both policies on everything that must be kept, and judge.

    Args:
        gate: What to pass.
        before: The line's policy.
        after: What would become it.
        kept: The skills that must be kept.
        learnt: The new one, which is measured but has no part in the decision.
    """
    exam = gate.exam

    def of_skill(skill: Skill) -> Cell:
        return Cell(skill.name, True, *exam.marks([before, after], skill.instruction))

    whole = [] if exam.whole is None else [Cell(exam.whole, False, *exam.marks([before, after], None))]
    skills = [of_skill(skill) for skill in kept] if exam.by_skill else []
    gained = of_skill(learnt) if learnt is not None and exam.by_skill else None
    return judge([*whole, *skills], gate.max_loss, gained)
