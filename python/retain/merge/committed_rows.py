"""How many committed rows a merged policy may be given: what all ends that it is made of were trained for.

Training-time real-time chunking (arXiv 2512.05964) teaches a policy to go on from rows that are being executed already.
Between a policy that learnt it and one that did not, nothing promises it, and no file but this one could tell later. So
the merged policy says the smallest number of its ends; an end that gives it no weight has no say.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retain.checkpoint import Checkpoint, read_trained_delay, with_trained_delay
from retain.checkpoint.trained_delay import TELLING
from retain.merge.methods.method import NOTHING_MEASURED
from retain.merge.partition import STATISTICS
from retain.merge.recipe import Recipe

if TYPE_CHECKING:
    from retain.merge.plan import PlannedUnit

_NOTHING = 1e-12
"""A share below this is rounding: the base's in the mean of the finetuned policies, 1 - 1/n - … - 1/n."""


@dataclass(frozen=True)
class CommittedRows:
    """What the ends say, and what follows from it for one variant of a merge.

    Attributes:
        ends: The base's number of rows and the finetuned policies'; None where an end says nothing.
        contributing: Which of them the merged policy is made of, by place in `ends`.
    """

    ends: tuple[int | None, ...]
    contributing: frozenset[int]

    @property
    def output(self) -> int | None:
        """The merged policy's; None where no end says anything, so that its files do not either."""
        if all(rows is None for rows in self.ends):
            return None
        return min(self.ends[end] or 0 for end in self.contributing)

    def restate(self, file: str, content: bytes) -> bytes:
        """A file of the end whose configuration travels, as it is beside the merged weights."""
        return content if self.output is None else with_trained_delay(file, content, self.output)

    def write(self, directory: Path) -> None:
        """Make the files that travelled say the merged policy's number."""
        for name in TELLING:
            file = directory / name
            if file.is_file():
                before = file.read_bytes()
                if (after := self.restate(name, before)) != before:
                    file.write_bytes(after)

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {"output": self.output, "ends": list(self.ends)}


def committed_rows(
    ends: Sequence[Checkpoint], units: "Collection[PlannedUnit]", recipes: Sequence[Recipe], kept: Collection[str]
) -> tuple[CommittedRows, ...]:
    """By variant of a plan.

    Args:
        ends: The base and the finetuned policies.
        units: The plan's.
        recipes: One per variant.
        kept: Tensors that one end alone has.

    Raises:
        CheckpointError: An end's description is broken.
    """
    said = tuple(read_trained_delay(end) for end in ends)
    alone = frozenset(kept)
    return tuple(
        CommittedRows(said, _contributing(units, recipe, variant, len(ends) - 1, alone))
        for variant, recipe in enumerate(recipes)
    )


def committed_rows_warnings(ends: Sequence[Checkpoint], variants: Sequence[CommittedRows]) -> Iterator[str]:
    """One sentence where the merged policy promises less than an end that it is made of."""
    for rows in variants:
        most = max(rows.ends[end] or 0 for end in rows.contributing)
        if rows.output is None or rows.output == most:
            continue
        told = ", ".join(f"{end.path} {said or 0}" for end, said in zip(ends, rows.ends, strict=True))
        yield (
            f"the merged policy may go on from {rows.output} committed rows (--strategy rtc-prefix), which is what all"
            f" its ends were trained for ({told}); to keep more, finetune every end with --train-delays {most}"
        )
        return


def _contributing(
    units: "Collection[PlannedUnit]", recipe: Recipe, variant: int, finetuned: int, kept: frozenset[str]
) -> frozenset[int]:
    shares: dict[float, frozenset[int]] = {}
    found: set[int] = set()
    for unit in units:
        if unit.component == STATISTICS or not unit.source.elements:
            continue
        if unit.finetuned:
            alpha = unit.alphas[variant]
            if alpha not in shares:
                shares[alpha] = _with_a_share(recipe, alpha, finetuned)
            found |= shares[alpha]
        elif unit.tensor in kept:
            found.add(unit.source_end)
        # What is left is the same at all ends.
    return frozenset(found) or frozenset({0})


def _with_a_share(recipe: Recipe, alpha: float, finetuned: int) -> frozenset[int]:
    """The ends that are in a tensor at this α: 0 is the base."""
    method = recipe.chosen
    if (take := method.take(alpha, finetuned)) != "nothing":
        return frozenset({0 if take == "base" else 1})
    weights = recipe.settings.weights or (1.0,) * finetuned
    present = {end for end, weight in enumerate(weights, 1) if weight != 0.0}
    if method.measures == "nothing":
        joined = method.combination(recipe.settings, finetuned, NOTHING_MEASURED)
        much = method.strength(alpha, finetuned, NOTHING_MEASURED)
        if joined.thinning == "none" and not joined.elect_sign:
            left = 1.0 + much.base_scale - much.scale * sum(joined.coefficients)
            return frozenset(present if abs(left) < _NOTHING else {0, *present})
    return frozenset({0, *present})
