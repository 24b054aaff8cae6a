"""The plan of a merge: for every tensor of the output, where it comes from, what is done to it and where it goes."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from retain.checkpoint import Checkpoint, TensorInfo
from retain.checkpoint.safetensors_header import DTYPE_BYTES
from retain.errors import MergeError
from retain.merge.agreement import check_agreement
from retain.merge.alpha_map import AlphaMap
from retain.merge.committed_rows import CommittedRows, committed_rows, committed_rows_warnings
from retain.merge.compare import FLOATS, INTEGERS, Pairing, check_equal_where_copied, pair_up
from retain.merge.depth import Depth, Depths, depths
from retain.merge.families import detect_family
from retain.merge.families.running_statistics import is_running_statistic
from retain.merge.files import PlannedFile, plan_files, plan_index
from retain.merge.normalization import NormalizationCheck, check_normalization
from retain.merge.partition import STATISTICS, Partition, make_partition
from retain.merge.plan_warnings import plan_warnings
from retain.merge.recipe import Recipe
from retain.merge.units import Source, Unit, units_of


@dataclass(frozen=True)
class PlannedUnit:
    """One tensor of the output, or one row of it.

    Attributes:
        name: The tensor's name, with the row in brackets.
        tensor: The tensor's name.
        component: The component whose α applies.
        depth: Its place among the layers, where it has one.
        source: What a copy reads, and what interpolation starts from.
        source_end: Whose that is: 0 the base, 1 the (first) finetuned policy.
        finetuned: What is interpolated with it, by finetuned end; None where an end has it as the base does. Empty: the
            unit is copied from `source` at every α.
        alphas: Its α in every variant of the plan.
        dtype: What it is stored as.
        file: Index into the plan's files.
        offset: First byte in that file.
    """

    name: str
    tensor: str
    component: str
    depth: Depth | None
    source: TensorInfo
    source_end: int
    finetuned: tuple[Source | None, ...]
    alphas: tuple[float, ...]
    dtype: str
    file: int
    offset: int

    @property
    def nbytes(self) -> int:
        """Its length in the output [bytes]."""
        return self.source.elements * DTYPE_BYTES[self.dtype]


@dataclass(frozen=True)
class MergePlan:
    """All that is known before a byte of the weights is read.

    Attributes:
        base: The base policy.
        finetuned: The policies finetuned from it.
        recipes: What was asked, one per variant; they differ in α alone.
        partition: Which component every tensor belongs to.
        alphas: α of every component, defaults filled in, by variant.
        pairing: Which tensor goes with which.
        normalization: What the comparison of the statistics gave, by finetuned end.
        files: The weight files of an output.
        units: Its tensors or their rows, in the order of their bytes.
        index: The shard index of an output as (name, text), where it has one.
        sidecars: The end whose configuration, processors and tokenizer go with the output.
        user_components: Components that the user defined, name → regular expression.
        committed: How many committed rows an output may be given, by variant.
        warnings: What the user should know before the merge, one sentence each.
    """

    base: Checkpoint
    finetuned: tuple[Checkpoint, ...]
    recipes: tuple[Recipe, ...]
    partition: Partition
    alphas: tuple[Mapping[str, float], ...]
    pairing: Pairing
    normalization: tuple[NormalizationCheck, ...]
    files: tuple[PlannedFile, ...]
    units: tuple[PlannedUnit, ...]
    index: tuple[str, bytes] | None
    sidecars: Checkpoint
    user_components: Mapping[str, str]
    committed: tuple[CommittedRows, ...]
    warnings: tuple[str, ...]

    @property
    def recipe(self) -> Recipe:
        """The first variant's recipe; all but its α holds for every variant."""
        return self.recipes[0]

    @property
    def ends(self) -> tuple[Checkpoint, ...]:
        """The base and the finetuned policies."""
        return self.base, *self.finetuned

    @property
    def output_bytes(self) -> int:
        """Bytes of one output's weight files."""
        return sum(file.nbytes for file in self.files)


def make_plan(
    base: Checkpoint,
    finetuned: Sequence[Checkpoint],
    recipes: Sequence[Recipe],
    patterns: Mapping[str, re.Pattern[str]],
    *,
    obstacles: list[str] | None = None,
) -> MergePlan:
    """Plan a merge and refuse what cannot be merged.

    Args:
        base: The base policy.
        finetuned: Policies that were finetuned from it.
        recipes: How to merge; several differ in α alone and are made in one pass.
        patterns: User-defined components, name → pattern of the full tensor name.
        obstacles: Where given, what a merge would refuse about statistics, settings and copied tensors is added to this
            list instead, for a diagnosis that goes on.

    Raises:
        CheckpointError: A file is not what it says it is.
        MergeError: The ends do not fit together, or the recipe does not fit them.
    """
    recipe = recipes[0]
    recipe.check_ends(len(finetuned))
    if base.adapters:
        raise MergeError(f"the base {base.path} is an adapter; give the full policy it was trained on as the base")
    family = detect_family(base.config or finetuned[0].config, base.tensors)
    pairing = pair_up(base, finetuned, recipe.missing, family, mixed=recipe.dtype is not None)
    partition = make_partition((pair.name for pair in pairing.pairs), family, patterns)
    alphas = tuple(each.resolve(partition.components) for each in recipes)
    normalization = []
    running: list[str] = []
    for end in finetuned:
        with _gathering(obstacles):
            normalization.append(check_normalization(base, end, family, fold=recipe.fold))
        with _gathering(obstacles):
            check_agreement(base, end, family)
    with _gathering(obstacles):
        running = check_equal_where_copied(pairing.pairs)

    layout = finetuned[0] if pairing.layout else base
    files = plan_files(layout, recipe)
    places = {name: (number, offset) for number, file in enumerate(files) for name, offset in file.offsets.items()}
    replaced = [check.replacements for check in normalization] if len(normalization) == len(finetuned) else []
    units = [unit for pair in pairing.pairs for unit in units_of(pair, family, replaced)]
    shapes = {pair.name: (pair.base or layout.tensors[pair.name]).shape for pair in pairing.pairs}
    depth_of = depths(shapes, family)
    overrides = AlphaMap(recipe)
    planned = []
    for unit in units:
        component = partition.component_of[unit.tensor]
        depth = _depth_of(depth_of, unit)
        at = tuple(
            overrides.of(unit.name, 0.0 if component == STATISTICS else alpha[component], depth) for alpha in alphas
        )
        planned.append(_plan_unit(unit, component, depth, at, recipe, files, places[unit.tensor]))
    overrides.check_used()
    planned.sort(key=lambda unit: (unit.file, unit.offset))
    sidecars = _sidecars(base, finetuned, normalization)
    committed = committed_rows((base, *finetuned), planned, recipes, pairing.kept)
    return MergePlan(
        base=base,
        finetuned=tuple(finetuned),
        recipes=tuple(recipes),
        partition=partition,
        alphas=alphas,
        pairing=pairing,
        normalization=tuple(normalization),
        files=files,
        units=tuple(planned),
        index=plan_index(layout.index, sum(unit.nbytes for unit in planned)),
        sidecars=sidecars,
        user_components={name: pattern.pattern for name, pattern in patterns.items()},
        committed=committed,
        warnings=(
            *plan_warnings(base, finetuned, recipe, partition, alphas, pairing, normalization, running),
            *committed_rows_warnings((base, *finetuned), committed),
        ),
    )


@contextmanager
def _gathering(obstacles: list[str] | None) -> Iterator[None]:
    try:
        yield
    except MergeError as error:
        if obstacles is None:
            raise
        obstacles.append(str(error))


def _sidecars(
    base: Checkpoint, finetuned: Sequence[Checkpoint], normalization: Sequence[NormalizationCheck]
) -> Checkpoint:
    """The end whose configuration travels: the finetuned one knows the robot that the merged policy will meet.

    With several finetuned policies none of them does, and after folding the weights are in the base's units.
    """
    folded = any(check.status == "folded" for check in normalization)
    from_base = len(finetuned) > 1 or folded or (base.config and not finetuned[0].config)
    return base if from_base or finetuned[0].is_bare else finetuned[0]


def _plan_unit(
    unit: Unit,
    component: str,
    depth: Depth | None,
    alphas: tuple[float, ...],
    recipe: Recipe,
    files: Sequence[PlannedFile],
    place: tuple[int, int],
) -> PlannedUnit:
    number, start = place
    dtype = files[number].dtypes[unit.tensor]
    source = unit.base
    source_end = 0
    if source is None:
        source, source_end = unit.finetuned[0], 1  # type: ignore[assignment]
    assert source is not None
    copied = unit.base is None or component == STATISTICS or source.dtype in INTEGERS or not unit.finetuned
    finetuned = () if copied else unit.finetuned
    if is_running_statistic(unit.tensor):
        finetuned = ()  # no weights: the base's, whatever α is
    computed = finetuned and any(recipe.chosen.take(alpha, len(finetuned)) == "nothing" for alpha in alphas)
    if source.dtype not in FLOATS and (computed or dtype != source.dtype):
        raise MergeError(
            f"{unit.name} is stored as {source.dtype}, which cannot be interpolated or converted; "
            "give its component alpha 0 or 1, or start from a checkpoint in bf16, f16 or f32"
        )
    if all(end is None for end in finetuned):
        finetuned = ()
    offset = start + (unit.row or 0) * source.elements * DTYPE_BYTES[dtype]
    return PlannedUnit(
        unit.name, unit.tensor, component, depth, source, source_end, finetuned, alphas, dtype, number, offset
    )


def _depth_of(depth_of: Depths, unit: Unit) -> Depth | None:
    found = depth_of[unit.tensor]
    if isinstance(found, tuple):
        return None if unit.row is None else found[unit.row]
    return found
