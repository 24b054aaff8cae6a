"""Plan, stream, report: the merge from end to end."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from retain import _core
from retain.checkpoint import Checkpoint, atomic_directory, copy_sidecars, open_checkpoint, sha256_files
from retain.checkpoint.atomic_directory import check_replaceable
from retain.errors import MergeError
from retain.merge.agreement import differing_settings
from retain.merge.not_finite import check_finite
from retain.merge.partition import STATISTICS, compile_patterns
from retain.merge.plan import MergePlan, PlannedTensor, make_plan
from retain.merge.recipe import Missing, Recipe, StoredDType
from retain.merge.report import ComponentReport, EndReport, MergeReport, UpdateSums, update_warnings

Progress = Callable[[int], None]
"""Called with the number of bytes written since the last call."""

_OPERATIONS = {
    "copy": _core.merge.Operation.COPY,
    "convert": _core.merge.Operation.CONVERT,
    "linear": _core.merge.Operation.LINEAR,
}
_DTYPES = {
    "BF16": _core.merge.DType.BF16,
    "F16": _core.merge.DType.F16,
    "F32": _core.merge.DType.F32,
    "F64": _core.merge.DType.F64,
}


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
        results = _stream(plan, partial, crew, sync, progress)
        seconds = time.perf_counter() - started
        check_finite(plan, results)
        plan.base.check_unchanged()
        plan.finetuned.check_unchanged()
        started = time.perf_counter()
        digests = _digests(plan, partial, crew) if hashing else {}
        hashing_seconds = time.perf_counter() - started
        plan.base.check_unchanged()
        plan.finetuned.check_unchanged()
        report = _report(plan, output, partial, results, digests, seconds, hashing_seconds, crew)
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
            raise MergeError(f"the output {output} lies inside the input {end.path}; inputs are never changed, move it out")
    check_replaceable(output, force=force)


def _stream(plan: MergePlan, partial: Path, threads: int, sync: bool, progress: Progress | None) -> list[Any]:
    """Hand the plan to the core. Input files come first in the core's order of files: the base's, then the finetuned end's."""
    files = [header.file for end in (plan.base, plan.finetuned) for header in end.headers]
    number = {file: index for index, file in enumerate(files)}
    reported = 0

    def advance(written: int) -> None:
        nonlocal reported
        if progress is not None and written > reported:
            progress(written - reported)
        reported = written

    return _core.merge.run(
        inputs=[str(file) for file in files],
        outputs=[_core.merge.OutputFile(str(partial / file.name), file.nbytes, file.header) for file in plan.files],
        items=[_work_item(tensor, number) for tensor in plan.tensors],
        threads=threads,
        sync=sync,
        progress=advance,
    )


def _work_item(tensor: PlannedTensor, number: Mapping[Path, int]) -> _core.merge.WorkItem:
    span = _core.merge.Span
    source = span(number[tensor.source.file], tensor.source.offset)
    finetuned = tensor.finetuned
    opaque = _core.merge.DType.OPAQUE
    is_float = tensor.source.dtype in _DTYPES
    return _core.merge.WorkItem(
        operation=_OPERATIONS[tensor.kind],
        stored_in=_DTYPES.get(tensor.source.dtype, opaque),
        stored_out=_DTYPES.get(tensor.dtype, opaque),
        elements=tensor.source.elements if is_float else tensor.source.nbytes,
        alpha=tensor.alpha,
        base=source,
        finetuned=source if finetuned is None else span(number[finetuned.file], finetuned.offset),
        output=span(tensor.file, tensor.offset),
    )


def _digests(plan: MergePlan, partial: Path, threads: int) -> dict[Path, str]:
    inputs = [header.file for end in (plan.base, plan.finetuned) for header in end.headers]
    return sha256_files([*inputs, *(partial / file.name for file in plan.files)], threads)


def _report(
    plan: MergePlan,
    output: Path,
    partial: Path,
    results: Sequence[Any],
    digests: Mapping[Path, str],
    seconds: float,
    hashing_seconds: float,
    threads: int,
) -> MergeReport:
    components = _components(plan, results)
    stored = {tensor.component: tensor.dtype for tensor in plan.tensors if tensor.kind == "linear"}
    warnings = (*plan.warnings, *update_warnings(components, plan.recipe.alpha, stored))
    written = {file.name: (partial / file.name, file.nbytes) for file in plan.files}
    files = {name: {"bytes": nbytes, "sha256": digests.get(path)} for name, (path, nbytes) in written.items()}
    return MergeReport(
        recipe=plan.recipe.to_json(),
        family=plan.partition.family,
        base=_end(plan.base, digests),
        finetuned=_end(plan.finetuned, digests),
        output=EndReport(str(output), plan.sidecars.kind, files),
        components=components,
        normalization=plan.normalization.to_json(),
        tied={**(plan.base if plan.pairing.layout == "base" else plan.finetuned).aliases, **plan.pairing.aliases},
        kept=plan.pairing.kept,
        dropped=plan.pairing.dropped,
        sidecars={
            "from": "base" if plan.sidecars is plan.base else "finetuned",
            "files": [str(file) for file in plan.sidecars.sidecars],
        },
        differing_settings=tuple(differing_settings(plan.base, plan.finetuned)),
        warnings=warnings,
        seconds=seconds,
        hashing_seconds=hashing_seconds,
        output_gb_per_s=plan.output_bytes / max(seconds, 1e-9) / 1e9,
        threads=threads,
    )


def _components(plan: MergePlan, results: Sequence[Any]) -> dict[str, ComponentReport]:
    sums = {component: UpdateSums() for component in plan.partition.components}
    tensors = dict.fromkeys(plan.partition.components, 0)
    parameters = dict.fromkeys(plan.partition.components, 0)
    for tensor, result in zip(plan.tensors, results, strict=True):
        if tensor.component == STATISTICS:
            continue
        tensors[tensor.component] += 1
        parameters[tensor.component] += tensor.source.elements
        if tensor.kind == "linear":
            sums[tensor.component].add(tensor.source.elements, result)
    return {
        name: ComponentReport.of(plan.alpha[name], tensors[name], parameters[name], sums[name])
        for name in plan.partition.components
    }


def _end(checkpoint: Checkpoint, digests: Mapping[Path, str]) -> EndReport:
    files = {
        header.file.name: {"bytes": header.stamp.bytes, "sha256": digests.get(header.file)} for header in checkpoint.headers
    }
    return EndReport(str(checkpoint.path), checkpoint.kind, files)
