"""One skill more: taught, put on trial, and only then part of the line."""

from dataclasses import dataclass, replace
from pathlib import Path

from retain.continual.gate import Verdict
from retain.continual.lesson import Lesson
from retain.continual.line import Line, Skill
from retain.continual.provenance import place_of
from retain.continual.store import VERDICT_FILE, begin_change, change_folder, commit, only_one, read, write_json
from retain.continual.teach import Workshop, plan_lesson, teach
from retain.continual.trial import Gate, try_change


@dataclass(frozen=True)
class Change:
    """What became of a change.

    Attributes:
        line: The line that counts now: with the change if it was made, as before if it was refused.
        made: Whether it was made.
        folder: Where the change's files are.
        policy: The policy that the change made, or would have made.
        verdict: The gate's; None if nothing was measured.
    """

    line: Line
    made: bool
    folder: Path
    policy: Path
    verdict: Verdict | None


def add(
    root: Path,
    lesson: Lesson,
    *,
    gate: Gate | None = None,
    force: bool = False,
    restart: bool = False,
    workshop: Workshop | None = None,
) -> Change:
    """Teach a line one more skill.

    The same call goes on where a killed one was. After a refusal, the same call with another α merges the same
    finetuned policy anew, and with `force` it takes what was refused.

    Args:
        root: The line's directory.
        lesson: What to teach.
        gate: What the new policy must pass; None measures nothing.
        force: Take the new policy even if the gate refuses it; the ledger says so.
        restart: Throw away what an earlier call left unfinished.
        workshop: How the work is done.

    Raises:
        ContinualError: The line, or something it names, was changed; or the skill cannot be added.
        TrainingError: Finetuning failed.
        MergeError: The policies cannot be merged.
        EvaluationError: The gate cannot measure the policy.
    """
    crew = workshop or Workshop()
    with only_one(root):
        line = read(root)
        before = place_of(line.policy.path, root)
        if gate is not None:
            gate.exam.check(before, [*(skill.instruction for skill in line.present), lesson.instruction])
        plan = plan_lesson(line, root, lesson, crew)
        folder = change_folder(line, root, "add", lesson.name)
        begin_change(folder, plan.request, restart=restart)
        skill = teach(line, root, plan, folder, crew)
        policy = place_of(skill.policy.path, root)
        verdict = None
        if gate is not None:
            verdict = try_change(gate, before, policy, line.present, skill)
            write_json(folder / VERDICT_FILE, verdict.to_json())
        if verdict is not None and not verdict.accepted and not force:
            return Change(line, False, folder, policy, verdict)
        after = line.with_skill(judged(skill, verdict)).after(folder.name)
        commit(after, root)
        return Change(after, True, folder, policy, verdict)


def judged(skill: Skill, verdict: Verdict | None) -> Skill:
    """A skill's entry with what the gate found."""
    if verdict is None:
        return skill
    return replace(skill, gate=verdict.to_json(), forced=not verdict.accepted)
