"""Carrying a plan out: a first pass where the method must know the tensors, then the pass that writes."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from retain._core import merge as core
from retain.errors import MergeError
from retain.merge.methods import Measured
from retain.merge.plan import MergePlan
from retain.merge.work import Inputs, Place, Work, measuring_items, progress_bytes, working_items

Progress = Callable[[int], None]
"""Called with the number of bytes done since the last call."""


@dataclass(frozen=True)
class Streamed:
    """What one run of the stream left behind.

    Attributes:
        work: The items that were carried out.
        results: What was measured, one per item.
        input_sha256: Digests of the input files; empty without hashing.
        output_sha256: Digests of the outputs in their order; None where there is none.
    """

    work: Sequence[Work]
    results: Sequence[core.ItemResult]
    input_sha256: Mapping[Path, str]
    output_sha256: Sequence[str | None]


def threads_or_all(threads: int | None) -> int:
    """A number of threads: what was asked, or as many as there are cores for this process."""
    return threads if threads is not None else len(os.sched_getaffinity(0))


def passes(plan: MergePlan) -> int:
    """How many times the inputs are read."""
    return 1 if plan.recipe.chosen.measures == "nothing" else 2


def total_progress(plan: MergePlan) -> int:
    """What all calls of a progress function add up to [bytes]."""
    return passes(plan) * progress_bytes(plan)


def stream(
    plan: MergePlan,
    outputs: Sequence[core.Output],
    place: Place,
    *,
    threads: int,
    sync: bool = True,
    hashing: bool = False,
    stored: Mapping[str, str] | None = None,
    drop_cache: bool = False,
    progress: Progress | None = None,
) -> Streamed:
    """Carry a plan out, without the interpreter lock.

    Args:
        plan: What is to be done.
        outputs: Where results go: files, memory, or files to compare with.
        place: Which output a unit of a variant goes to.
        threads: How many.
        sync: Return when the outputs are on the disk.
        hashing: Also compute SHA-256 of inputs and outputs.
        stored: Dtypes by unit name instead of the plan's.
        drop_cache: Tell the kernel to forget what was read: for checkpoints larger than memory.
        progress: Called about ten times a second.

    Returns:
        What was measured. Values that are not finite are counted there, not refused.

    Raises:
        CheckpointError: An input cannot be read, or is shorter than its header says.
        MergeError: An output cannot be written, or a number is outside its range.
    """
    if threads < 1:
        raise MergeError(f"{threads} threads were asked for; at least 1 is needed")
    inputs = Inputs(plan)
    counter = _Counter(progress)
    measured = _measure(plan, inputs, threads, counter)
    work = list(working_items(plan, inputs, measured, place, stored))
    counter.next_pass()
    found = core.run(
        inputs=inputs.inputs,
        outputs=outputs,
        items=[each.item for each in work],
        threads=threads,
        sync=sync,
        hashing=hashing,
        drop_cache=drop_cache,
        progress=counter,
    )
    digests = {
        file: digest
        for file, digest in zip(inputs.files, found.input_sha256, strict=False)  # inputs in memory come last
        if digest is not None
    }
    return Streamed(work, found.items, digests, found.output_sha256)


def measure_only(plan: MergePlan, *, threads: int, progress: Progress | None = None) -> Streamed:
    """Read all ends and write nothing: the results say how they differ.

    Raises:
        CheckpointError: An input cannot be read.
    """
    inputs = Inputs(plan)
    found = measuring_items(plan, inputs)
    work = [Work(item, unit, (), (), ends, 0) for unit, ends, item in found]
    result = core.run(
        inputs=inputs.inputs,
        outputs=[],
        items=[item for _, _, item in found],
        threads=threads,
        progress=_Counter(progress),
    )
    return Streamed(work, result.items, {}, [])


def _measure(plan: MergePlan, inputs: Inputs, threads: int, counter: "_Counter") -> dict[int, Measured]:
    method = plan.recipe.chosen
    if method.measures == "nothing":
        return {}
    found = measuring_items(plan, inputs)
    items = [item for _, _, item in found]
    if method.measures == "thresholds":
        keep = [method.keep(plan.recipe.settings, plan.units[unit].source.elements) for unit, _, _ in found]
        # A tensor without elements has no largest one.
        filled = [index for index, (unit, _, _) in enumerate(found) if plan.units[unit].source.elements]
        thresholds = core.select_thresholds(
            inputs=inputs.inputs,
            items=[items[index] for index in filled],
            keep=[keep[index] for index in filled],
            threads=threads,
            progress=counter,
        )
        return {
            found[index][0]: Measured(thresholds=tuple(values))
            for index, values in zip(filled, thresholds, strict=True)
        }
    results = core.run(inputs=inputs.inputs, outputs=[], items=items, threads=threads, progress=counter).items
    return {
        unit: _products(result, ends, len(plan.finetuned))
        for (unit, ends, _), result in zip(found, results, strict=True)
    }


def _products(result: core.ItemResult, ends: tuple[int, ...], total: int) -> Measured:
    """The sums of one unit, with zeros for ends that leave it as it is."""
    updates = [0.0] * total
    products = [[0.0] * total for _ in range(total)]
    pairs = iter(result.gram)
    for position, end in enumerate(ends):
        updates[end] = result.sources[position].base_update
        products[end][end] = result.sources[position].update_update
        for other in ends[position + 1 :]:
            products[end][other] = products[other][end] = next(pairs)
    return Measured(result.base_base, tuple(updates), tuple(map(tuple, products)))


class _Counter:
    """Turns the core's running totals, which start anew with every pass, into differences."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._reported = 0

    def __call__(self, done: int) -> None:
        if self._progress is not None and done > self._reported:
            self._progress(done - self._reported)
        self._reported = done

    def next_pass(self) -> None:
        self._reported = 0
