"""One skill more, prepared in a folder: finetune from where the method says, merge as it says. The line stays as it is.

Whatever a killed run had finished is used again: finetuning goes on from its last save, a merged policy stands whole.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retain.checkpoint import open_checkpoint, read_json_object
from retain.continual.checked_merge import known_policies, read_merged, write_checked
from retain.continual.lesson import Lesson, settings_of
from retain.continual.line import Line, Mixed, Skill
from retain.continual.methods import End, MergeStep, State
from retain.continual.provenance import (
    Data,
    check_policy,
    place_of,
    record_data,
    record_policy,
    recorded_path,
    same_weights,
)
from retain.continual.store import FINETUNED, POLICY, state_of
from retain.errors import CheckpointError, ContinualError, require
from retain.merge import prepare
from retain.merge.ledger import continued, recorder
from retain.merge.merge import Finish
from retain.merge.report import EndReport

if TYPE_CHECKING:
    from retain.finetune.journal import StepLog


@dataclass(frozen=True)
class Workshop:
    """How work is done and told; nothing here changes a bit of the result but `device`.

    Attributes:
        threads: For merging and hashing; None takes as many as there are cores for this process.
        device: Where to train.
        say: Takes facts worth reading.
        warn: Takes what the user should look into.
        on_step: Called after every training step.
    """

    threads: int | None = None
    device: str = "cpu"
    say: Callable[[str], None] = print
    warn: Callable[[str], None] = print
    on_step: "Callable[[StepLog], None]" = lambda _: None


@dataclass(frozen=True)
class Plan:
    """What a lesson comes to in a line.

    Attributes:
        lesson: What was asked.
        start: Where finetuning begins.
        start_record: The same, as the line has it.
        data: The demonstrations, as the line will have them.
        mixed: What is mixed into the batches.
        request: Everything that decides the result, as JSON.
    """

    lesson: Lesson
    start: Path
    start_record: EndReport
    data: Data | None
    mixed: tuple[Mixed, ...]
    request: dict[str, Any]


def plan_lesson(line: Line, root: Path, lesson: Lesson, workshop: Workshop) -> Plan:
    """Decide start and data, and find everything that would go wrong after hours of training. Nothing is written.

    Raises:
        ContinualError: The name is taken, something that the line names was changed, or the finetuned policy that is
            brought started elsewhere.
        DatasetError: The data cannot be read.
        MergeError: The policies could not be merged so.
    """
    line.check_new(lesson.name)
    start = line.method.start(state_of(line, root))
    record = known_policies(line, root)[start]
    check_policy(record, root, workshop.threads)
    check_policy(line.base, root, workshop.threads)
    if lesson.finetuned is not None:
        _check_start(record, start, lesson.finetuned, workshop)
    # Finetuning changes values only, so the start stands for the end that is still to be made.
    step, _ = _merge(line, root, lesson, start if lesson.finetuned is None else lesson.finetuned)
    prepare(step.base, step.finetuned, step.recipe)
    mixed = lesson.mixed(line, root)
    data = None if lesson.data is None else record_data(lesson.data, root, workshop.threads)
    request = {
        "name": lesson.name,
        "instruction": lesson.instruction,
        "data": None if data is None else vars(data),
        "finetuned": None if lesson.finetuned is None else str(lesson.finetuned.resolve()),
        "alpha": lesson.alpha,
        "start": str(start),
        "mixed": [{"data": vars(one.data), "share": one.share} for one in mixed],
        "training": None if lesson.finetuned is not None else settings_of(lesson.config),
    }
    return Plan(lesson, start, record, data, mixed, request)


def teach(line: Line, root: Path, plan: Plan, folder: Path, workshop: Workshop) -> Skill:
    """Finetune, merge, and say what was done.

    Args:
        line: What the skill is added to.
        root: The line's directory.
        plan: From `plan_lesson`, for the same line.
        folder: Exists; gets `finetuned` and `policy`.
        workshop: How the work is done.

    Returns:
        The skill's entry for the ledger.

    Raises:
        ContinualError: A policy was changed meanwhile.
        TrainingError: Finetuning failed.
        MergeError: The policies cannot be merged.
    """
    lesson, output = plan.lesson, folder / POLICY
    end = folder / FINETUNED if lesson.finetuned is None else lesson.finetuned
    if lesson.finetuned is None:
        _finetune(plan, root, end, workshop)
        # What --resume would need is four times the weights, and the finetuning is complete.
        (end / "training" / "resume.safetensors").unlink(missing_ok=True)
    step, finish = _merge(line, root, lesson, end)
    write_checked(step, known_policies(line, root), output, threads=workshop.threads, finish=finish)
    merged = read_merged(output)
    for sentence in merged.warnings:
        workshop.warn(sentence)
    return Skill(
        name=lesson.name,
        instruction=lesson.instruction,
        data=plan.data,
        mixed=plan.mixed,
        replay=lesson.replay_share(line),
        training=plan.request["training"],
        alpha=line.method.default_alpha if lesson.alpha is None else lesson.alpha,
        start=plan.start_record,
        finetuned=replace(merged.newest, path=recorded_path(end, root)),
        policy=replace(merged.output, path=recorded_path(output, root)),
        previous=line.policy,
    )


def _merge(line: Line, root: Path, lesson: Lesson, end: Path) -> tuple[MergeStep, Finish | None]:
    """The merge that brings an end into the line, and what belongs beside its weights.

    Raises:
        MergeError: The skill's α is impossible, or its name is in the base's own ledger.
    """
    state = state_of(line, root)
    step = line.method.merge(State(state.base, state.policy, (*state.ends, End(end, lesson.alpha))), line.dtype)
    if not line.method.incremental:
        return step, None
    # `retain subtract` needs a ledger beside the weights.
    return step, recorder(continued(open_checkpoint(step.base), lesson.name), lesson.name)


def _finetune(plan: Plan, root: Path, end: Path, workshop: Workshop) -> None:
    if (end / "config.json").is_file():  # written last
        return
    require("torch", extra="train")
    from retain.data import Dataset
    from retain.finetune.equipment import Equipment
    from retain.finetune.mixture import CoData
    from retain.finetune.run import Start, run_training

    if plan.lesson.data is None:
        raise ContinualError("there are no demonstrations to finetune on; give --data DEMOS")
    if end.exists() and not (end / "training" / "resume.safetensors").exists():
        shutil.rmtree(end)  # nothing was saved yet, so there is nothing to resume
    co_data = tuple(CoData(Dataset(place_of(one.data.path, root)), one.share) for one in plan.mixed)
    run_training(
        Start(str(plan.start), Dataset(plan.lesson.data), co_data),
        plan.lesson.config,
        end,
        resume=end.exists(),
        equipment=Equipment(device=workshop.device),
        say=workshop.say,
        warn=workshop.warn,
        on_step=workshop.on_step,
    )


def _check_start(record: EndReport, start: Path, end: Path, workshop: Workshop) -> None:
    """Make sure, as far as its own record tells, that a policy was finetuned from where the method says."""
    try:
        told = read_json_object(end / "training" / "config.json")["base"]
        before = record_policy(told, end)
    except (CheckpointError, KeyError):
        workshop.warn(f"cannot tell what {end} was finetuned from; it should be {start}")
        return
    if not same_weights(before, record):
        raise ContinualError(
            f"{end} was finetuned from {told}, and the next skill of this line starts from {start}; finetune from there"
        )
