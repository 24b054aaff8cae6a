"""From the plan to the core: work items with spans instead of tensors with names."""

from collections.abc import Callable, Mapping
from pathlib import Path

from retain._core import merge as core
from retain.merge.plan import MergePlan, PlannedTensor

Progress = Callable[[int], None]
"""Called with the number of bytes written since the last call."""

_OPERATIONS = {
    "copy": core.Operation.COPY,
    "convert": core.Operation.CONVERT,
    "linear": core.Operation.LINEAR,
}
_DTYPES = {
    "BF16": core.DType.BF16,
    "F16": core.DType.F16,
    "F32": core.DType.F32,
    "F64": core.DType.F64,
}


def stream(
    plan: MergePlan, directory: Path, *, threads: int, sync: bool, progress: Progress | None
) -> list[core.ItemResult]:
    """Carry a plan out: write its weight files into an existing directory, without the interpreter lock.

    Returns:
        What was measured, one result per tensor of the plan. Values that are not finite are counted there, not refused.

    Raises:
        CheckpointError: An input cannot be read, or is shorter than its header says.
        MergeError: An output cannot be written.
    """
    files = [header.file for end in (plan.base, plan.finetuned) for header in end.headers]
    number = {file: index for index, file in enumerate(files)}
    reported = 0

    def advance(written: int) -> None:
        nonlocal reported
        if progress is not None and written > reported:
            progress(written - reported)
        reported = written

    return core.run(
        inputs=[str(file) for file in files],
        outputs=[core.OutputFile(str(directory / file.name), file.nbytes, file.header) for file in plan.files],
        items=[_work_item(tensor, number) for tensor in plan.tensors],
        threads=threads,
        sync=sync,
        progress=advance,
    )


def _work_item(tensor: PlannedTensor, number: Mapping[Path, int]) -> core.WorkItem:
    span = core.Span
    source = span(number[tensor.source.file], tensor.source.offset)
    finetuned = tensor.finetuned
    opaque = core.DType.OPAQUE
    is_float = tensor.source.dtype in _DTYPES
    return core.WorkItem(
        operation=_OPERATIONS[tensor.kind],
        stored_in=_DTYPES.get(tensor.source.dtype, opaque),
        stored_out=_DTYPES.get(tensor.dtype, opaque),
        elements=tensor.source.elements if is_float else tensor.source.nbytes,
        alpha=tensor.alpha,
        base=source,
        finetuned=source if finetuned is None else span(number[finetuned.file], finetuned.offset),
        output=span(tensor.file, tensor.offset),
    )
