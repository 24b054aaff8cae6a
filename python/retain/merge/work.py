"""From the plan to the core: work items with spans instead of tensors with names."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from retain._core import merge as core
from retain.checkpoint import Adapter, TensorInfo
from retain.checkpoint.safetensors_header import DTYPE_BYTES
from retain.merge.folding import Replacement
from retain.merge.methods import NOTHING_MEASURED, Combination, Measured, Strength, Take
from retain.merge.plan import MergePlan, PlannedUnit
from retain.merge.units import Source

Place = Callable[[int, PlannedUnit], core.Span]
"""Where a unit of a variant is written: an index into the outputs, and a byte there."""

_DTYPES = {"BF16": core.DType.BF16, "F16": core.DType.F16, "F32": core.DType.F32, "F64": core.DType.F64}
_THINNING = {
    "none": core.Thinning.NONE,
    "magnitude": core.Thinning.MAGNITUDE,
    "random": core.Thinning.RANDOM,
    "ranked": core.Thinning.RANKED,
}
_TAKE = {"nothing": core.Take.NOTHING, "base": core.Take.BASE, "finetuned": core.Take.FINETUNED}
_ROUNDING = {"nearest": core.Rounding.NEAREST, "stochastic": core.Rounding.STOCHASTIC}
_AS_BASE = -1
_READ_ALONE: Mapping[Take, int | None] = {"base": _AS_BASE, "finetuned": 0, "nothing": None}
"""The one end that has to be read, or None where several have to."""
_UNCOMBINED = Combination(())
"""What a pass that only measures needs to know."""


@dataclass(frozen=True)
class Work:
    """One work item, and what it belongs to.

    Attributes:
        item: For the core.
        unit: Index into the plan's units.
        variants: The variants that its targets make, in their order.
        scales: What multiplies the combination, by target; None for copies and conversions.
        ends: The finetuned ends that its sources are; empty where only one end is read.
        read_end: Whose tensor a copy or a conversion reads: 0 the base.
    """

    item: core.WorkItem
    unit: int
    variants: tuple[int, ...]
    scales: tuple[float | None, ...]
    ends: tuple[int, ...]
    read_end: int


class Inputs:
    """The input files of a plan, and the tensors in memory that folding made."""

    def __init__(self, plan: MergePlan) -> None:
        self.files: list[Path] = list(dict.fromkeys(header.file for end in plan.ends for header in end.headers))
        self._number: Mapping[Path, int] = {file: number for number, file in enumerate(self.files)}
        self.inputs: list[core.Input] = [core.Input.file(str(file)) for file in self.files]
        self._in_memory: dict[int, int] = {}

    def span(self, whole: TensorInfo | Replacement) -> core.Span:
        """Where a tensor begins."""
        if isinstance(whole, TensorInfo):
            return core.Span(self._number[whole.file], whole.offset)
        if id(whole) not in self._in_memory:  # the plan keeps it alive
            self._in_memory[id(whole)] = len(self.inputs)
            self.inputs.append(core.Input.memory(whole.data))
        return core.Span(self._in_memory[id(whole)], 0)

    def source(self, source: Source, coefficient: float, threshold: float) -> core.Source:
        """One finetuned end of a unit."""
        if isinstance(source, Adapter):
            low_rank = core.LowRank(
                a=self.span(source.a),
                b=self.span(source.b),
                stored=_DTYPES[source.a.dtype],
                rank=source.rank,
                columns=source.a.shape[1],
                scale=source.scale,
            )
            stored = _DTYPES[source.a.dtype]
            return core.Source(stored=stored, low_rank=low_rank, coefficient=coefficient, threshold=threshold)
        stored = _DTYPES[_dtype(source)]
        return core.Source(stored=stored, span=self.span(source), coefficient=coefficient, threshold=threshold)


def progress_bytes(plan: MergePlan) -> int:
    """How many bytes of the base a pass over the plan counts as progress."""
    return sum(unit.source.nbytes for unit in plan.units)


def measuring_items(plan: MergePlan, inputs: Inputs) -> list[tuple[int, tuple[int, ...], core.WorkItem]]:
    """The items of a first pass, which writes nothing: (unit, its finetuned ends, item)."""
    return [
        (number, ends, _item(plan, unit, inputs, ends, _UNCOMBINED, ()))
        for number, unit in enumerate(plan.units)
        if (ends := _ends(unit)) and any(alpha != 0.0 for alpha in unit.alphas)
    ]


def working_items(
    plan: MergePlan,
    inputs: Inputs,
    measured: Mapping[int, Measured],
    place: Place,
    stored: Mapping[str, str] | None = None,
) -> Iterator[Work]:
    """The items that make all variants.

    Args:
        plan: What is to be done.
        inputs: Its files.
        measured: What the first pass found, by unit.
        place: Where the results go.
        stored: Dtypes by tensor name instead of the plan's.
    """
    recipe = plan.recipe
    for number, unit in enumerate(plan.units):
        dtype = (stored or {}).get(unit.name, unit.dtype)
        known = measured.get(number, NOTHING_MEASURED)
        takes = [_take(plan, unit, variant) for variant in range(len(plan.recipes))]
        groups: dict[int | None, list[int]] = {}
        for variant, take in enumerate(takes):
            groups.setdefault(_READ_ALONE[take], []).append(variant)
        joined = groups.pop(None, [])
        for end, variants in groups.items():
            assert end is not None
            info = unit.source if end == _AS_BASE else unit.finetuned[end]
            assert isinstance(info, TensorInfo | Replacement)
            if joined and _dtype(info) == dtype and unit.source.dtype == dtype:
                joined = sorted(joined + variants)  # rides along: its end is read anyway
                continue
            targets = [core.Target(output=place(variant, unit), stored=_stored(dtype)) for variant in variants]
            yield Work(
                core.WorkItem(
                    elements=_count(info), stored=_stored(_dtype(info)), base=inputs.span(info), targets=targets,
                    rounding=_ROUNDING[plan.recipe.rounding], key=_key(plan, unit),
                ),
                number, tuple(variants), (None,) * len(variants), (),
                unit.source_end if end == _AS_BASE else end + 1,
            )  # fmt: skip
        if joined:
            ends = _ends(unit)
            targets = []
            scales: list[float | None] = []
            for variant in joined:
                where, take = place(variant, unit), takes[variant]
                if take != "nothing":
                    targets.append(core.Target(output=where, stored=_stored(dtype), take=_TAKE[take]))
                    scales.append(None)
                    continue
                much = _strength(plan, unit, variant, known)
                targets.append(
                    core.Target(output=where, stored=_stored(dtype), scale=much.scale, base_scale=much.base_scale)
                )
                scales.append(much.scale)
            combination = recipe.chosen.combination(recipe.settings, len(plan.finetuned), known)
            item = _item(plan, unit, inputs, ends, combination, targets)
            yield Work(item, number, tuple(joined), tuple(scales), ends, 0)


def _ends(unit: PlannedUnit) -> tuple[int, ...]:
    return tuple(end for end, source in enumerate(unit.finetuned) if source is not None)


def _take(plan: MergePlan, unit: PlannedUnit, variant: int) -> Take:
    """The end whose bits a variant takes."""
    if not unit.finetuned:
        return "base"
    take = plan.recipe.chosen.take(unit.alphas[variant], len(plan.finetuned))
    # An adapter is a change of the base: it has no bits of its own.
    return "nothing" if take == "finetuned" and isinstance(unit.finetuned[0], Adapter) else take


def _strength(plan: MergePlan, unit: PlannedUnit, variant: int, measured: Measured) -> Strength:
    return plan.recipe.chosen.strength(unit.alphas[variant], len(plan.finetuned), measured)


def _item(
    plan: MergePlan,
    unit: PlannedUnit,
    inputs: Inputs,
    ends: tuple[int, ...],
    joined: Combination,
    targets: Sequence[core.Target],
) -> core.WorkItem:
    sources = []
    for position, end in enumerate(ends):
        source = unit.finetuned[end]
        assert source is not None
        threshold = joined.thresholds[position] if joined.thresholds else 0.0
        sources.append(inputs.source(source, joined.coefficients[end] if joined.coefficients else 1.0, threshold))
    shape = unit.source.shape
    return core.WorkItem(
        elements=unit.source.elements,
        stored=_stored(unit.source.dtype),
        base=inputs.span(unit.source),
        sources=sources,
        targets=targets,
        thinning=_THINNING[joined.thinning],
        density=joined.density,
        spread=joined.spread,
        row_length=shape[-1] if shape else 1,
        elect_sign=joined.elect_sign,
        rounding=_ROUNDING[plan.recipe.rounding],
        key=_key(plan, unit),
    )


def _dtype(info: TensorInfo | Replacement) -> str:
    return info.dtype if isinstance(info, TensorInfo) else "F64"


def _stored(dtype: str) -> core.DType:
    return _DTYPES.get(dtype, core.DType.OPAQUE)


def _count(info: TensorInfo | Replacement) -> int:
    if isinstance(info, Replacement):
        return len(info.data) // DTYPE_BYTES["F64"]
    return info.nbytes // DTYPE_BYTES[info.dtype] if info.dtype in _DTYPES else info.nbytes


def _key(plan: MergePlan, unit: PlannedUnit) -> int:
    """What a unit's random numbers depend on: the seed and its name. Not its file, its shard or its neighbours."""
    text = f"{plan.recipe.seed or 0}\0{unit.name}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
