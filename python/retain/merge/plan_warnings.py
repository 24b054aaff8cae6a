"""What the user should know before a merge, one sentence each."""

from collections.abc import Iterator, Mapping, Sequence

from retain.checkpoint import Checkpoint
from retain.merge.compare import Pairing
from retain.merge.normalization import NormalizationCheck
from retain.merge.partition import Partition
from retain.merge.recipe import Recipe

_SEVERAL = 2


def plan_warnings(
    base: Checkpoint,
    finetuned: Sequence[Checkpoint],
    recipe: Recipe,
    partition: Partition,
    alphas: Sequence[Mapping[str, float]],
    pairing: Pairing,
    normalization: Sequence[NormalizationCheck],
    running: Sequence[str],
) -> Iterator[str]:
    """Everything about this merge that is allowed and may still not be meant."""
    for end in (base, *finetuned):
        yield from (f"{end.path}: {note}" for note in end.notes)
    for name in partition.components:
        if name in recipe.alpha and not partition.tensors(name):
            yield f"this policy has no tensor in {name}; its alpha has no effect"
    outside = [f"{name}={value:g}" for alpha in alphas for name, value in alpha.items() if not 0.0 <= value <= 1.0]
    if outside:
        yield f"alpha is extrapolated beyond the two ends: {' '.join(dict.fromkeys(outside))}"
    if pairing.kept:
        keeper = "finetuned" if pairing.layout else "base"
        yield (
            f"{len(pairing.kept)} tensors are the {keeper}'s alone, because the other end lacks them or has "
            f"them differently (first: {pairing.kept[0]})"
        )
    if pairing.dropped:
        yield f"{len(pairing.dropped)} tensors of the other end were dropped (first: {pairing.dropped[0]})"
    if running:
        yield (
            f"{len(running)} running statistics of normalization layers differ (first: {running[0]}); they are no "
            "weights and were copied from the base, measure the merged policy before you trust it"
        )
    for check, end in zip(normalization, finetuned, strict=False):  # a diagnosis may lack some
        yield from (f"{end.path}: {note}" for note in check.notes)
        if check.status == "unknown" and not check.notes:
            has = next(iter(check.sources))
            yield (
                f"only the {has} end has normalization statistics; make sure that both were trained with the same, "
                "or actions come out in the wrong units"
            )
        if check.status == "folded":
            yield (
                f"{end.path} was trained with other normalization statistics; its first and last layers were rewritten "
                "for the base's, which is exact, and the base's configuration goes with the output"
            )
    adds = recipe.settings.weights is None or all(weight > 0.0 for weight in recipe.settings.weights)
    if len(finetuned) >= _SEVERAL and adds and partition.family != "unknown":
        yield (
            "several finetuned policies are merged at once; action experts of different skills have been seen to break "
            "each other (arXiv 2511.18810), so evaluate every skill, or merge them one after the other with --continue"
        )
