"""Plan, stream, report: the merge from end to end."""

import os
import time
from collections.abc import Mapping
from pathlib import Path

from retain.checkpoint import atomic_directory, copy_sidecars, open_checkpoint, sha256_files
from retain.checkpoint.atomic_directory import check_replaceable
from retain.errors import MergeError
from retain.merge.account import Measured, account
from retain.merge.not_finite import check_finite
from retain.merge.partition import compile_patterns
from retain.merge.plan import MergePlan, make_plan
from retain.merge.recipe import Missing, Recipe, StoredDType
from retain.merge.report import MergeReport
from retain.merge.stream import Progress, stream


def merge(
    base: str | Path,
    finetuned: str | Path,
    output: str | Path,
    alpha: float | Mapping[str, float],
    *,
    method: str = "linear",
    dtype: StoredDType | None = None,
    missing: Missing = "error",
    components: Mapping[str, str] | None = None,
    threads: int | None = None,
    force: bool = False,
    extrapolate: bool = False,
    hashing: bool = True,
    sync: bool = True,
    progress: Progress | None = None,
) -> MergeReport:
    """Merge two policies into a new directory: θ = (1−α)·θ_base + α·θ_finetuned.

    Args:
        base: The base policy: a directory or a safetensors file.
        finetuned: A policy finetuned from it.
        output: The directory to make.
        alpha: The weight of the finetuned policy, for all tensors or by component ("default": those not named).
        method: The merge method.
        dtype: What float tensors are stored as; None keeps the base's dtypes.
        missing: What to do about tensors that the ends do not share.
        components: User-defined components, name → regular expression of the full tensor name.
        threads: How many threads; None takes as many as there are cores for this process.
        force: Replace an existing policy directory.
        extrapolate: Allow α outside [0, 1].
        hashing: Put SHA-256 of inputs and output into the report.
        sync: Return only when the output is on the disk.
        progress: Called about ten times a second.

    Raises:
        CheckpointError: A file is missing, broken, or cannot be read; or the output cannot be made.
        MergeError: The two cannot be merged as asked, or hold values that are not finite.
    """
    recipe = Recipe.of(alpha, method=method, dtype=dtype, missing=missing, extrapolate=extrapolate)
    plan = prepare(base, finetuned, recipe, components)
    return execute(plan, output, threads=threads, force=force, hashing=hashing, sync=sync, progress=progress)


def prepare(
    base: str | Path, finetuned: str | Path, recipe: Recipe, components: Mapping[str, str] | None = None
) -> MergePlan:
    """Read both headers and plan the merge; nothing is written.

    Raises:
        CheckpointError: A file is missing or broken.
        MergeError: The two cannot be merged as asked.
    """
    patterns = compile_patterns(components or {})
    return make_plan(open_checkpoint(Path(base)), open_checkpoint(Path(finetuned)), recipe, patterns)


def execute(
    plan: MergePlan,
    output: str | Path,
    *,
    threads: int | None = None,
    force: bool = False,
    hashing: bool = True,
    sync: bool = True,
    progress: Progress | None = None,
) -> MergeReport:
    """Carry a plan out. The output appears complete or not at all; see `merge` for the arguments and errors."""
    output = Path(output)
    _check_output(plan, output, force=force)
    crew = threads if threads is not None else len(os.sched_getaffinity(0))
    if crew < 1:
        raise MergeError(f"{crew} threads were asked for; at least 1 is needed")
    sidecar_bytes = sum((plan.sidecars.directory / file).stat().st_size for file in plan.sidecars.sidecars)
    needed = plan.output_bytes + sidecar_bytes
    with atomic_directory(output, force=force, needed_bytes=needed, sync=sync) as partial:
        copy_sidecars(plan.sidecars.directory, plan.sidecars.sidecars, partial)
        if plan.index is not None:
            (partial / plan.index[0]).write_bytes(plan.index[1])
        started = time.perf_counter()
        results = stream(plan, partial, threads=crew, sync=sync, progress=progress)
        streamed = time.perf_counter()
        check_finite(plan, results)
        digests = _digests(plan, partial, crew) if hashing else {}
        hashed = time.perf_counter()
        plan.base.check_unchanged()
        plan.finetuned.check_unchanged()
        report = account(plan, output, Measured(results, digests, streamed - started, hashed - streamed, crew))
        report.write(partial)
    return report


def _check_output(plan: MergePlan, output: Path, *, force: bool) -> None:
    if output.suffix == ".safetensors":
        raise MergeError(f"the output is a directory, with the weights and what belongs to them; give -o {output.stem}")
    place = output.resolve()
    for end in (plan.base, plan.finetuned):
        directory = end.directory.resolve()
        if place == directory:
            raise MergeError(f"the output {output} is an input; give another name")
        if place in directory.parents:
            raise MergeError(f"the output {output} contains the input {end.path}; give another name")
        if directory in place.parents and end.kind != "file":
            raise MergeError(
                f"the output {output} lies inside the input {end.path}; inputs are never changed, move it out"
            )
    check_replaceable(output, force=force)


def _digests(plan: MergePlan, partial: Path, threads: int) -> dict[Path, str]:
    """SHA-256 of all weight files; those of the output under the names they will have in the plan."""
    inputs = [header.file for end in (plan.base, plan.finetuned) for header in end.headers]
    found = sha256_files([*inputs, *(partial / file.name for file in plan.files)], threads)
    return {
        **{file: found[file] for file in inputs},
        **{Path(file.name): found[partial / file.name] for file in plan.files},
    }
