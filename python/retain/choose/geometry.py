"""What the checkpoints alone say, without data: how far finetuning moved them, and Model Stock's α from several runs.

Let τ_i = s + e_i be the task vectors of N runs on the same skill: the same signal s, and errors e_i of one length that
are orthogonal to s and to each other (Model Stock's picture, arXiv 2403.19522). Then cos θ = ⟨τ_i, τ_j⟩/(‖τ_i‖·‖τ_j‖)
is ‖s‖²/(‖s‖² + ‖e‖²), and the α that brings α·mean τ_i nearest s is ‖s‖²/(‖s‖² + ‖e‖²/N):

    t = N·cos θ / (1 + (N − 1)·cos θ)  (eq. 5).

That is the α of the *mean* of the runs. The same minimum for one of them alone, N = 1, is cos θ, and smaller.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from retain.errors import MergeError
from retain.merge import Recipe, prepare
from retain.merge.figures import UpdateSums
from retain.merge.methods.model_stock import ratio
from retain.merge.not_finite import finite_problem
from retain.merge.partition import STATISTICS
from retain.merge.stream import measure_only, threads_or_all


@dataclass(frozen=True)
class Movement:
    """How runs of finetuning moved one component, or all weights.

    Attributes:
        relative_update: ‖τ_i‖ / ‖θ_base‖ of every run; None where the base's weights are all 0.
        cosine: The mean of cos(τ_i, τ_j), i < j; None for a single run, or where one of them moved nothing.
        alpha_of_mean: Model Stock's t, for the mean of the runs (`retain merge --method soup`), in [0, 1]; 0 where the
            runs point apart, None where there is no cosine.
        alpha_of_one: The same for a single one of the runs, in [0, alpha_of_mean].
    """

    relative_update: tuple[float | None, ...]
    cosine: float | None
    alpha_of_mean: float | None
    alpha_of_one: float | None


@dataclass(frozen=True)
class Geometry:
    """How runs of finetuning moved a base.

    Attributes:
        base: Its path.
        finetuned: The runs' paths.
        whole: All weights together.
        components: By component.
    """

    base: str
    finetuned: tuple[str, ...]
    whole: Movement
    components: Mapping[str, Movement]

    def to_json(self) -> dict[str, Any]:
        """Everything as plain values."""
        return asdict(self)


def measure_geometry(base: str | Path, finetuned: Sequence[str | Path], *, threads: int | None = None) -> Geometry:
    """Compare runs of finetuning with their base and with each other; nothing is written, and torch is not needed.

        runs = ["place-seed0", "place-seed1", "place-seed2"]
        measure_geometry("base", runs).whole.alpha_of_mean

    Args:
        base: The base policy.
        finetuned: One or more policies finetuned from it; for Model Stock's α two or more, on the same skill.
        threads: How many; None takes as many as there are cores for this process.

    Raises:
        CheckpointError: A file is missing or broken.
        MergeError: There is no run, the policies cannot be merged, or a weight is not finite.
    """
    if not finetuned:
        raise MergeError("found no finetuned policy to compare with the base; expected one or more")
    plan = prepare(base, finetuned, Recipe.of(1.0, method="task_arithmetic"))
    measured = measure_only(plan, threads=threads_or_all(threads))
    if problem := finite_problem(plan, measured):
        raise MergeError(problem)
    whole = UpdateSums(len(finetuned))
    parts = {name: UpdateSums(len(finetuned)) for name in plan.partition.components}
    for work, result in zip(measured.work, measured.results, strict=True):
        unit = plan.units[work.unit]
        if unit.component != STATISTICS:
            for sums in (whole, parts[unit.component]):
                sums.add(unit.source.elements, work.ends, result, 1.0, None)
    paths = tuple(str(path) for path in finetuned)
    return Geometry(str(base), paths, _movement(whole), {name: _movement(sums) for name, sums in parts.items()})


def _movement(sums: UpdateSums) -> Movement:
    cosines = [cosine for cosine in sums.between if cosine is not None]
    updates = tuple(sums.update(end).relative_update for end in range(sums.ends))
    if not cosines or len(cosines) < len(sums.between):
        return Movement(updates, None, None, None)
    cosine = sum(cosines) / len(cosines)
    return Movement(updates, cosine, ratio(tuple(map(tuple, sums.products))), max(0.0, cosine))
