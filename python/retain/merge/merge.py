"""Plan, stream, report: the merge from end to end."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from retain._core import merge as core
from retain.checkpoint import atomic_directory, copy_sidecars, open_checkpoint
from retain.checkpoint.atomic_directory import check_replaceable
from retain.errors import MergeError
from retain.merge.account import account
from retain.merge.not_finite import check_finite
from retain.merge.partition import compile_patterns
from retain.merge.plan import MergePlan, PlannedUnit, make_plan
from retain.merge.recipe import Recipe
from retain.merge.report import MergeReport
from retain.merge.stream import Progress, Streamed, stream, threads_or_all

Policies = str | Path | Sequence[str | Path]
Alpha = float | Mapping[str, float]
Finish = Callable[[MergeReport, Path], None]


def merge(
    base: str | Path,
    finetuned: Policies,
    output: str | Path,
    alpha: Alpha | None = None,
    *,
    components: Mapping[str, str] | None = None,
    threads: int | None = None,
    force: bool = False,
    hashing: bool = True,
    sync: bool = True,
    allow_pickle: bool = False,
    progress: Progress | None = None,
    **recipe: Any,
) -> MergeReport:
    """Merge policies into a new directory; with one finetuned policy θ = (1−α)·θ_base + α·θ_finetuned.

    Args:
        base: The base policy: a directory or a safetensors file.
        finetuned: A policy finetuned from it (full weights or a PEFT adapter), or several.
        output: The directory to make.
        alpha: The weight of the finetuned policy, for all tensors or by component ("default": those not named); None is
            the method's own, where it has one.
        components: User-defined components, name → regular expression of the full tensor name.
        threads: How many threads; None takes as many as there are cores for this process.
        force: Replace an existing policy directory.
        hashing: Put SHA-256 of inputs and output into the report.
        sync: Return only when the output is on the disk.
        allow_pickle: Read torch pickles, through torch's restricted unpickler.
        progress: Called about ten times a second with the number of bytes done since the last call.
        recipe: The other fields of `Recipe`: method, weights, density, spread, depth, alpha_map, dtype, rounding, seed,
            missing, extrapolate, fold.

    Raises:
        CheckpointError: A file is missing, broken, or cannot be read; or the output cannot be made.
        MergeError: The policies cannot be merged as asked, or hold values that are not finite.
    """
    plan = prepare(base, finetuned, Recipe.of(alpha, **recipe), components, allow_pickle=allow_pickle)
    return execute(plan, output, threads=threads, force=force, hashing=hashing, sync=sync, progress=progress)


def prepare(
    base: str | Path,
    finetuned: Policies,
    recipes: Recipe | Sequence[Recipe],
    components: Mapping[str, str] | None = None,
    *,
    allow_pickle: bool = False,
) -> MergePlan:
    """Read the headers and plan the merge; nothing is written.

    Args:
        base: The base policy.
        finetuned: One or several policies finetuned from it.
        recipes: How to merge; several that differ in α alone are carried out in one pass.
        components: User-defined components, name → regular expression of the full tensor name.
        allow_pickle: Read torch pickles, through torch's restricted unpickler.

    Raises:
        CheckpointError: A file is missing or broken.
        MergeError: The policies cannot be merged as asked.
    """
    patterns = compile_patterns(components or {})
    paths = [finetuned] if isinstance(finetuned, str | Path) else list(finetuned)
    ends = [open_checkpoint(Path(path), allow_pickle=allow_pickle) for path in (base, *paths)]
    several = [recipes] if isinstance(recipes, Recipe) else list(recipes)
    return make_plan(ends[0], ends[1:], several, patterns)


def execute(plan: MergePlan, output: str | Path, **options: Any) -> MergeReport:
    """Carry out a plan of one variant; the arguments are those of `execute_all`."""
    return execute_all(plan, [output], **options)[0]


def execute_all(
    plan: MergePlan,
    outputs: Sequence[str | Path],
    *,
    threads: int | None = None,
    force: bool = False,
    hashing: bool = True,
    sync: bool = True,
    progress: Progress | None = None,
    finish: Finish | None = None,
) -> list[MergeReport]:
    """Carry a plan out: one output for each of its variants, made in one reading pass.

    Args:
        plan: From `prepare`.
        outputs: The directories to make, one per variant.
        threads: How many threads; None takes as many as there are cores for this process.
        force: Replace existing policy directories.
        hashing: Put SHA-256 of inputs and outputs into the reports.
        sync: Return only when the outputs are on the disk.
        progress: Called about ten times a second; see `stream.total_progress` for the sum of its arguments.
        finish: Called with every report and its still hidden directory, for what else belongs into it.

    Returns:
        One report per variant; it is also written beside the weights.

    Raises:
        CheckpointError: A file cannot be read, or an output cannot be made.
        MergeError: An output is an input, or weights are not finite; nothing is left behind.
    """
    places = [Path(output) for output in outputs]
    if len(places) != len(plan.recipes) or len({place.resolve() for place in places}) < len(places):
        raise MergeError(f"{len(plan.recipes)} results need {len(plan.recipes)} different outputs; got {len(places)}")
    for place in places:
        _check_output(plan, place, force=force)
    crew = threads_or_all(threads)
    sidecar_bytes = sum((plan.sidecars.directory / file).stat().st_size for file in plan.sidecars.sidecars)
    needed = plan.output_bytes + sidecar_bytes
    with ExitStack() as stack:
        partials = [
            stack.enter_context(atomic_directory(place, force=force, needed_bytes=needed * left, sync=sync))
            # The first checks that all fit.
            for place, left in zip(places, range(len(places), 0, -1), strict=True)
        ]
        for partial, committed in zip(partials, plan.committed, strict=True):
            copy_sidecars(plan.sidecars.directory, plan.sidecars.sidecars, partial)
            committed.write(partial)
            if plan.index is not None:
                (partial / plan.index[0]).write_bytes(plan.index[1])
        started = time.perf_counter()
        streamed = _stream_to_files(plan, partials, threads=crew, sync=sync, hashing=hashing, progress=progress)
        seconds = time.perf_counter() - started
        check_finite(plan, streamed)
        for end in plan.ends:
            end.check_unchanged()
        reports = account(plan, places, streamed, seconds=seconds, threads=crew)
        for report, partial in zip(reports, partials, strict=True):
            report.write(partial)
            if finish is not None:
                finish(report, partial)
    return reports


def _stream_to_files(
    plan: MergePlan,
    directories: Sequence[Path],
    *,
    threads: int,
    sync: bool,
    hashing: bool,
    progress: Progress | None,
) -> Streamed:
    count = len(plan.files)
    outputs = [
        core.Output.create(str(directory / file.name), file.nbytes, file.header)
        for directory in directories
        for file in plan.files
    ]

    def place(variant: int, unit: PlannedUnit) -> core.Span:
        return core.Span(variant * count + unit.file, unit.offset)

    return stream(
        plan,
        outputs,
        place,
        threads=threads,
        sync=sync,
        hashing=hashing,
        drop_cache=_outgrows_memory(plan),
        progress=progress,
    )


def _outgrows_memory(plan: MergePlan) -> bool:
    """Whether the files cannot all stay in memory: then caching them only pushes out what others need."""
    total = sum(end.nbytes for end in plan.ends) + len(plan.recipes) * plan.output_bytes
    return total > os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _check_output(plan: MergePlan, output: Path, *, force: bool) -> None:
    if output.suffix == ".safetensors":
        raise MergeError(f"the output is a directory, with the weights and what belongs to them; give -o {output.stem}")
    place = output.resolve()
    for end in plan.ends:
        directory = end.directory.resolve()
        if place == directory:
            raise MergeError(f"the output {output} is an input; give another name")
        if place in directory.parents:
            raise MergeError(f"the output {output} contains the input {end.path}; give another name")
        if directory in place.parents and not end.is_bare:
            raise MergeError(
                f"the output {output} lies inside the input {end.path}; inputs are never changed, move it out"
            )
    check_replaceable(output, force=force)
