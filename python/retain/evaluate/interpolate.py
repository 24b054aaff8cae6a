"""A policy between two others, merged straight into a live policy: for trying many α without writing files."""

from collections.abc import Mapping
from pathlib import Path

from retain.errors import EvaluationError
from retain.merge.into import into
from retain.policy import Policy, load_policy, resolve
from retain.policy.trained_delay import set_trained_delay

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


def interpolate(base: str | Path, finetuned: str | Path, alpha: Alpha) -> Policy:
    """The policy between two, bit for bit what `retain merge` would write.

    Args:
        base: α = 0.
        finetuned: α = 1.
        alpha: The weight of the finetuned policy.

    Raises:
        EvaluationError: α is impossible.
        MergeError: The two cannot be merged.
    """
    values = per_component(alpha)
    policy = load_policy(base)
    figures = into(policy, resolve(base), resolve(finetuned), values, threads=1)
    if figures.max_trained_delay is not None:
        set_trained_delay(policy, figures.max_trained_delay)
    return policy
