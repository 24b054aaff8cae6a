"""Skill after skill: merging one more into a policy, and taking one out again."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from retain.checkpoint import open_checkpoint
from retain.errors import MergeError
from retain.merge.ledger import Ledger, check_same_files, continued, is_linear, read_ledger, recorder
from retain.merge.merge import Alpha, execute, prepare
from retain.merge.recipe import Recipe, StoredDType
from retain.merge.report import MergeReport
from retain.merge.stream import Progress, threads_or_all


def add_skill(
    start: str | Path,
    finetuned: str | Path,
    output: str | Path,
    alpha: Alpha,
    *,
    name: str | None = None,
    components: Mapping[str, str] | None = None,
    threads: int | None = None,
    force: bool = False,
    sync: bool = True,
    progress: Progress | None = None,
    **recipe: Any,
) -> MergeReport:
    """Merge one more skill into a policy and write it into the output's ledger: θ̃_n = (1−α)·θ̃_{n−1} + α·θ_ft,n.

    Args:
        start: θ̃_{n−1}: the base, or what the last skill was merged into.
        finetuned: The policy that was finetuned from `start`.
        output: The directory to make.
        alpha: The weight of the finetuned policy, for all tensors or by component.
        name: What the skill is called; None takes the finetuned directory's name.
        components: User-defined components, name → regular expression of the full tensor name.
        threads: How many threads; None takes as many as there are cores for this process.
        force: Replace an existing policy directory.
        sync: Return only when the output is on the disk.
        progress: Called about ten times a second with the bytes done since the last call.
        recipe: The other fields of `Recipe`.

    Raises:
        CheckpointError: A file is missing or broken.
        MergeError: The two cannot be merged, or a skill of this name is there already.
    """
    plan = prepare(start, finetuned, Recipe.of(alpha, **recipe), components)
    label = name or Path(finetuned).resolve().name
    record = recorder(continued(plan.base, label), label)
    return execute(plan, output, threads=threads, force=force, sync=sync, progress=progress, finish=record)


def subtract_skill(
    policy: str | Path,
    name: str,
    output: str | Path,
    *,
    start: str | Path | None = None,
    finetuned: str | Path | None = None,
    dtype: StoredDType | None = None,
    threads: int | None = None,
    force: bool = False,
    sync: bool = True,
    progress: Progress | None = None,
) -> MergeReport:
    """Take a skill out of a policy again: θ̃_n − α_k·(θ_ft,k − θ̃_{k−1}), with what the policy's ledger recorded.

    Args:
        policy: θ̃_n, which has a ledger.
        name: The skill.
        output: The directory to make; its ledger marks the skill as removed.
        start: Where θ̃_{k−1} is now; None takes the ledger's path.
        finetuned: Where θ_ft,k is now; None takes the ledger's path.
        dtype: What float tensors are stored as; None keeps the policy's.
        threads: How many threads; None takes as many as there are cores for this process.
        force: Replace an existing policy directory.
        sync: Return only when the output is on the disk.
        progress: Called about ten times a second with the bytes done since the last call.

    Raises:
        CheckpointError: The policy has no ledger, or a file that it names is gone or was changed.
        MergeError: The policy has no such skill, or it was not merged linearly.
    """
    merged = open_checkpoint(Path(policy))
    ledger = None if merged.is_bare else read_ledger(merged.directory)
    if ledger is None:
        raise MergeError(f"{policy} has no ledger; only skills that were merged with --continue can be taken out")
    skill = ledger.find(name)
    if not is_linear(skill):
        raise MergeError(f"{name} was merged by {skill.recipe['method']}, which does not add up; merge the others anew")
    crew = threads_or_all(threads)
    before = Path(start or skill.start.path)
    after = Path(finetuned or skill.finetuned.path)
    check_same_files(skill.start, before, crew)
    check_same_files(skill.finetuned, after, crew)
    done = Recipe.from_json(skill.recipe)
    # With p = θ̃_n: p + α·(−(θ_ft − p) + (θ̃_{k−1} − p)) = p − α·(θ_ft − θ̃_{k−1}).
    undo = replace(
        Recipe.of(
            dict(done.alpha), method="task_arithmetic", weights=(-1.0, 1.0), depth=done.depth, alpha_map=done.alpha_map,
            missing="base" if done.missing != "error" else "error", extrapolate=done.extrapolate, fold=False,
        ),
        dtype=dtype,
    )  # fmt: skip
    plan = prepare(policy, [after, before], undo, skill.user_components)
    left: Ledger = ledger.remove(name)

    def record(report: MergeReport, partial: Path) -> None:
        left.write(partial)

    return execute(plan, output, threads=crew, force=force, sync=sync, progress=progress, finish=record)
