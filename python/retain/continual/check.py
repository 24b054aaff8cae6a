"""What a line keeps: what the base could do against the base, and every skill against the day it was learnt.

The gate compares a change with the policy just before it, so allowances add up from change to change; this does not.
"""

from pathlib import Path

from retain.continual.exam import Exam
from retain.continual.gate import Cell, Verdict, judge
from retain.continual.provenance import check_policy
from retain.continual.store import read


def check(root: Path, exam: Exam, max_loss: float) -> Verdict:
    """Measure the line's policy.

    Args:
        root: The line's directory.
        exam: How policies are measured.
        max_loss: Points that may have been lost since.

    Raises:
        ContinualError: A policy that the line names is gone or was changed.
        EvaluationError: The policies cannot be measured.
    """
    line = read(root)
    now = check_policy(line.policy, root)
    exam.check(now, [skill.instruction for skill in line.present])
    cells, newest = [], None
    if exam.whole is not None:
        cells.append(Cell(exam.whole, False, *exam.marks([check_policy(line.base, root), now], None)))
    for skill in line.present if exam.by_skill else ():
        first = check_policy(skill.policy, root)
        cell = Cell(skill.name, True, *exam.marks([first, now], skill.instruction))
        if skill.policy == line.policy:
            newest = cell  # nothing has changed since, so it must not thin out the others' mean
        else:
            cells.append(cell)
    return judge(cells, max_loss, newest)
