"""Two policies to one, in memory: θ = (1 − α)·θ_base + α·θ_finetuned in fp32. 0 is the base, 1 the finetuned policy.

For trying many α without writing files. `retain merge` does the same to checkpoints of any size.
"""

from collections.abc import Mapping

import torch

from retain.errors import EvaluationError
from retain.policy import Policy

COMPONENTS = ("vision", "language", "action")
"""The first part of every tensor's name in `compact`."""

Alpha = float | Mapping[str, float]
"""One α for all weights, or one per component; components left out stay the base's."""


def per_component(alpha: Alpha) -> dict[str, float]:
    """α of each component.

    Raises:
        EvaluationError: An unknown component, or α outside [0, 1].
    """
    values = dict.fromkeys(COMPONENTS, 0.0)
    if isinstance(alpha, Mapping):
        if unknown := sorted(set(alpha) - set(COMPONENTS)):
            raise EvaluationError(f"there is no component {unknown[0]!r}; expected some of {', '.join(COMPONENTS)}")
        values |= alpha
    else:
        values = dict.fromkeys(COMPONENTS, float(alpha))
    for component, value in values.items():
        if not 0.0 <= value <= 1.0:
            raise EvaluationError(f"α of {component} is {value}; expected 0 (the base) to 1 (the finetuned policy)")
    return values


def interpolate(base: Policy, finetuned: Policy, alpha: Alpha, into: Policy) -> Policy:
    """Fill `into` with the weights between two policies of one architecture.

    Args:
        base: α = 0, bit for bit.
        finetuned: α = 1, bit for bit.
        alpha: The weight of the finetuned policy.
        into: A policy of the same architecture, overwritten and returned.

    Raises:
        EvaluationError: The two have different tensors or different units.
    """
    values = per_component(alpha)
    start, end = base.state_dict(), finetuned.state_dict()
    shapes = [{name: tensor.shape for name, tensor in tensors.items()} for tensors in (start, end)]
    different = [name for name in start.keys() | end.keys() if shapes[0].get(name) != shapes[1].get(name)]
    if different:
        raise EvaluationError(
            f"the two policies differ in {len(different)} tensors, first {min(different)};"
            " expected a base and what was finetuned from it"
        )
    if base.spec.normalization != finetuned.spec.normalization:
        raise EvaluationError(
            "the two policies have different normalization statistics, so their weights are in different units;"
            " finetune with --stats base"
        )
    mixed = {}
    for name, tensor in start.items():
        component = name.partition(".")[0]
        if component not in values:
            raise EvaluationError(f"tensor {name} belongs to none of the components {', '.join(COMPONENTS)}")
        mixed[name] = torch.lerp(tensor, end[name], values[component]) if tensor.is_floating_point() else tensor
    into.load_state_dict(mixed, strict=True)
    return into
