"""How a finetuned policy differs from its base, and what a merge of them would say: the diagnosis without the merge."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from retain import __version__
from retain.checkpoint import open_checkpoint
from retain.merge.account import figures
from retain.merge.agreement import differing_settings
from retain.merge.figures import ComponentReport, LayerReport, UpdateSums
from retain.merge.not_finite import finite_problem
from retain.merge.partition import compile_patterns
from retain.merge.plan import MergePlan, make_plan
from retain.merge.recipe import Recipe
from retain.merge.stream import Progress, Streamed, measure_only, threads_or_all

_MOST = 10


@dataclass(frozen=True)
class TensorDiff:
    """One tensor: its name, component, ‖τ‖/‖θ‖, and the share of elements that did not change."""

    name: str
    component: str
    relative_update: float | None
    unchanged: float | None


@dataclass(frozen=True)
class DiffReport:
    """How a finetuned policy differs from its base.

    Attributes:
        base: Path of the base.
        finetuned: Path of the finetuned policy.
        family: The policy family, or "unknown".
        components: By component. α has no meaning here and is 1.
        layers: By component, from the first layer to the last.
        most_changed: The tensors that moved most, relative to their size.
        only_base: Tensors that the finetuned policy lacks or has with another shape.
        only_finetuned: Tensors that the base lacks.
        differing_settings: Keys of config.json that differ.
        obstacles: What a merge would refuse, one sentence each.
        remarks: What a merge would warn of.
    """

    base: str
    finetuned: str
    family: str
    components: Mapping[str, ComponentReport]
    layers: Mapping[str, tuple[LayerReport, ...]]
    most_changed: tuple[TensorDiff, ...]
    only_base: tuple[str, ...]
    only_finetuned: tuple[str, ...]
    differing_settings: tuple[str, ...]
    obstacles: tuple[str, ...]
    remarks: tuple[str, ...]
    retain_version: str = field(default=__version__)

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)


def diff(
    base: str | Path,
    finetuned: str | Path,
    *,
    components: Mapping[str, str] | None = None,
    threads: int | None = None,
    allow_pickle: bool = False,
    progress: Progress | None = None,
) -> DiffReport:
    """Compare a policy with its base, tensor by tensor; nothing is written.

    Args:
        base: The base policy.
        finetuned: A policy finetuned from it, or an adapter.
        components: User-defined components, name → regular expression of the full tensor name.
        threads: How many threads; None takes as many as there are cores for this process.
        allow_pickle: Read torch pickles, through torch's restricted unpickler.
        progress: Called about ten times a second with the bytes of the base done since the last call.

    Raises:
        CheckpointError: A file is missing or broken.
        MergeError: The patterns do not fit the policy.
    """
    plan, obstacles = prepare_diff(base, finetuned, components, allow_pickle=allow_pickle)
    return measure(plan, obstacles, threads=threads, progress=progress)


def prepare_diff(
    base: str | Path, finetuned: str | Path, components: Mapping[str, str] | None = None, *, allow_pickle: bool = False
) -> tuple[MergePlan, list[str]]:
    """Read the headers; what a merge would refuse is returned beside the plan."""
    ends = [open_checkpoint(Path(path), allow_pickle=allow_pickle) for path in (base, finetuned)]
    obstacles: list[str] = []
    # Stored as float64, so that ends with different dtypes can be compared too; nothing is stored.
    recipe = Recipe.of(1.0, method="task_arithmetic", missing="base", dtype="float64", fold=False)
    plan = make_plan(ends[0], ends[1:], [recipe], compile_patterns(components or {}), obstacles=obstacles)
    if plan.pairing.kept or plan.pairing.dropped:
        obstacles.append(
            f"{len(plan.pairing.kept)} tensors of the base are missing or have other shapes in the finetuned policy, "
            f"and {len(plan.pairing.dropped)} of its are not in the base; a merge needs --missing base or finetuned"
        )
    return plan, obstacles


def measure(
    plan: MergePlan, obstacles: list[str], *, threads: int | None = None, progress: Progress | None = None
) -> DiffReport:
    """Read both ends and put the figures together."""
    streamed = measure_only(plan, threads=threads_or_all(threads), progress=progress)
    found = figures(plan, streamed, 0)
    problem = finite_problem(plan, streamed)
    base, finetuned = plan.base, plan.finetuned[0]
    return DiffReport(
        base=str(base.path),
        finetuned=str(finetuned.path),
        family=plan.partition.family,
        components=found.components,
        layers=found.layers,
        most_changed=_most_changed(plan, streamed),
        only_base=plan.pairing.kept,
        only_finetuned=plan.pairing.dropped,
        differing_settings=tuple(differing_settings(base, finetuned)),
        obstacles=(*obstacles, *([problem] if problem else [])),
        remarks=_remarks(plan, found.components),
    )


def _most_changed(plan: MergePlan, streamed: Streamed) -> tuple[TensorDiff, ...]:
    rows = []
    for work, result in zip(streamed.work, streamed.results, strict=True):
        unit = plan.units[work.unit]
        sums = UpdateSums(len(plan.finetuned))
        sums.add(unit.source.elements, work.ends, result, 1.0, None)
        update = sums.update(0)
        rows.append(TensorDiff(unit.name, unit.component, update.relative_update, update.unchanged))
    rows.sort(key=lambda row: -(row.relative_update or 0.0))
    return tuple(row for row in rows[:_MOST] if row.relative_update)


def _remarks(plan: MergePlan, components: Mapping[str, ComponentReport]) -> tuple[str, ...]:
    same = [
        f"{name} is the same at both ends (frozen while finetuning?): an alpha of its own would have no effect"
        for name, part in components.items()
        if part.tensors and (not part.interpolated or part.unchanged == 1.0)
    ]
    kept = "tensors are the base's alone", "tensors of the other end were dropped"
    return (*(text for text in plan.warnings if not any(words in text for words in kept)), *same)
