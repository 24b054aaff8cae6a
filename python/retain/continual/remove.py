"""One skill fewer: exactly if the method allows it, by training anew what was finetuned on top of it otherwise."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from retain.continual.add import Change
from retain.continual.checked_merge import known_policies, read_merged, write_checked
from retain.continual.lesson import Lesson, lesson_of
from retain.continual.line import Line, Skill
from retain.continual.methods import State
from retain.continual.provenance import check_policy, place_of, recorded_path
from retain.continual.store import (
    POLICY,
    VERDICT_FILE,
    begin_change,
    change_folder,
    commit,
    only_one,
    read,
    slug,
    state_of,
    write_json,
)
from retain.continual.teach import Workshop, plan_lesson, teach
from retain.continual.trial import Gate, try_change
from retain.errors import ContinualError
from retain.merge.report import EndReport
from retain.merge.sequence import subtract_skill


def remove(
    root: Path,
    name: str,
    *,
    retrain: bool = False,
    gate: Gate | None = None,
    force: bool = False,
    restart: bool = False,
    workshop: Workshop | None = None,
) -> Change:
    """Take a skill out of a line.

    The newest skill of a sequential line leaves the very policy that was there before it; an older one's share is
    subtracted. A parallel line is merged anew from the other ends, an anchored one if it is the newest skill that goes:
    both give the bits of a line that never had it. Older skills of an anchored line need `retrain`.

    Args:
        root: The line's directory.
        name: The skill.
        retrain: Teach the later skills again as if it had never been there, where that is the only way.
        gate: What the new policy must pass on all other skills; None measures nothing.
        force: Take the new policy even if the gate refuses it.
        restart: Throw away what an earlier call left unfinished.
        workshop: How the work is done.

    Raises:
        ContinualError: There is no such skill, it cannot be taken out without `retrain`, or files were changed.
        TrainingError: Teaching again failed.
        MergeError: The policies cannot be merged.
        EvaluationError: The gate cannot measure the policy.
    """
    crew = workshop or Workshop()
    with only_one(root):
        line = read(root)
        gone = line.find(name)
        kept = tuple(skill for skill in line.present if skill is not gone)
        before = place_of(line.policy.path, root)
        if gate is not None:
            gate.exam.check(before, [skill.instruction for skill in kept])
        folder = change_folder(line, root, "remove", name)
        index = line.present.index(gone)
        kind = line.method.removal(index, len(line.present))
        if kind == "retrain" and not retrain:
            later = ", ".join(repr(skill.name) for skill in line.present[index + 1 :])
            raise ContinualError(
                f"{later} learnt on top of {name!r}, whose part cannot be told apart any more; to train again without "
                f"it: retain continual remove {root} {name!r} --retrain"
            )
        again = [lesson_of(skill, root) for skill in kept[index:]] if kind == "retrain" else []
        if retrain and not again:
            crew.say(f"nothing learnt on top of {name!r} in a way that must be trained again; it is taken out exactly")
        begin_change(folder, {"remove": name, "retrain": bool(again)}, restart=restart)
        if again:
            after = _taught_again(line, root, gone, again, folder, crew)
        else:
            after = line.without(name, _policy_without(line, root, gone, folder, crew))
        policy, verdict = place_of(after.policy.path, root), None
        if gate is not None:
            verdict = try_change(gate, before, policy, kept)
            write_json(folder / VERDICT_FILE, verdict.to_json())
        if verdict is not None and not verdict.accepted and not force:
            return Change(line, False, folder, policy, verdict)
        after = after.after(folder.name)
        commit(after, root)
        return Change(after, True, folder, policy, verdict)


def _policy_without(line: Line, root: Path, gone: Skill, folder: Path, workshop: Workshop) -> EndReport:
    """The policy of the other skills, made from what is there."""
    if len(line.present) == 1:
        check_policy(line.base, root, workshop.threads)
        return line.base
    output = folder / POLICY
    if line.method.incremental:
        if line.policy == gone.policy:  # nothing came after it
            check_policy(gone.previous, root, workshop.threads)
            return gone.previous
        if not output.exists():
            subtract_skill(
                check_policy(line.policy, root, workshop.threads),
                gone.name,
                output,
                start=place_of(gone.start.path, root),
                finetuned=place_of(gone.finetuned.path, root),
                threads=workshop.threads,
            )
    else:
        state = state_of(line, root)
        ends = tuple(end for skill, end in zip(line.present, state.ends, strict=True) if skill is not gone)
        step = line.method.merge(State(state.base, state.policy, ends), line.dtype)
        write_checked(step, known_policies(line, root), output, threads=workshop.threads)
    return replace(read_merged(output).output, path=recorded_path(output, root))


def _taught_again(
    line: Line, root: Path, gone: Skill, lessons: Sequence[Lesson], folder: Path, workshop: Workshop
) -> Line:
    """The line as it would be had the skill never been taught: the earlier ones as they are, the later ones anew."""
    index = line.skills.index(gone)
    found = replace(line, skills=(*line.skills[:index], replace(gone, removed=True)), policy=gone.previous)
    for lesson in lessons:
        workshop.say(f"teaching {lesson.name!r} again, without {gone.name!r}")
        place = folder / slug(lesson.name)
        place.mkdir(exist_ok=True)
        plan = plan_lesson(found, root, lesson, workshop)
        found = found.with_skill(teach(found, root, plan, place, workshop))
    return replace(found, skills=(*found.skills, *(skill for skill in line.skills[index + 1 :] if skill.removed)))
