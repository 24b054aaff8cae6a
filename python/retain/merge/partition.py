"""Which component every tensor belongs to: total and exclusive, or an error that lists the names."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from retain.checkpoint.statistics import STATISTICS_BUFFER
from retain.errors import MergeError
from retain.merge.families import Family

WHOLE = "all"
"""The only component of a policy whose family is unknown and that was given no patterns."""

STATISTICS = "statistics"
"""Normalization statistics that old checkpoints keep among the weights: in no component, never merged."""

_LISTED = 6

# PyTorch's (lora_A, lora_B, LoRA's embeddings and DoRA's magnitudes) and openpi's (…_lora_a, lora_b).
_LOW_RANK = re.compile(r"(?:.*[./_])?lora_(?:[aAbB]|embedding_[AB]|magnitude_vector)(?:[./].*)?")


@dataclass(frozen=True)
class Partition:
    """The components of a policy.

    Attributes:
        family: The family's name, or "unknown".
        components: Their names in the family's order, user-defined ones first; some may be empty.
        component_of: The component of every tensor.
    """

    family: str
    components: tuple[str, ...]
    component_of: Mapping[str, str]

    def tensors(self, component: str) -> list[str]:
        """The names of a component's tensors."""
        return [name for name, found in self.component_of.items() if found == component]


def compile_patterns(patterns: Mapping[str, str]) -> dict[str, re.Pattern[str]]:
    """Compile user patterns, component → regular expression of the full tensor name.

    Raises:
        MergeError: One is not a regular expression, or takes a reserved name.
    """
    compiled = {}
    for component, pattern in patterns.items():
        if component in (STATISTICS, "default") or not component.isidentifier():
            raise MergeError(f"a component cannot be called {component!r}; choose a plain word")
        try:
            compiled[component] = re.compile(pattern)
        except re.error as error:
            raise MergeError(f"--component {component}={pattern} is not a regular expression: {error}") from error
    return compiled


def make_partition(
    names: Iterable[str], family: Family | None, patterns: Mapping[str, re.Pattern[str]] | None = None
) -> Partition:
    """Assign every tensor to one component.

    User patterns go first and take what they match away from the family's components; two user patterns must not match
    the same tensor. With neither family nor patterns everything is one component, `all`.

    Raises:
        MergeError: A tensor belongs to no component or to several, or is a factor of a low-rank update, or a user
            pattern matches nothing.
    """
    names = list(names)
    factors = [name for name in names if _LOW_RANK.fullmatch(name)]
    if factors:
        raise MergeError(
            f"{len(factors)} tensors are factors of a low-rank update, whose mean is not the mean of its factors: "
            f"{_some(factors)}; fold them into their base weights first, or give the adapter's own directory"
        )
    own = dict(patterns or {})
    if family is None and not own:
        own = {WHOLE: re.compile(r".*", re.DOTALL)}
    component_of: dict[str, str] = {}
    orphans, contested = [], []
    for name in names:
        if STATISTICS_BUFFER.fullmatch(name):
            component_of[name] = STATISTICS
            continue
        claims = [component for component, pattern in own.items() if pattern.fullmatch(name)]
        if not claims and family is not None:
            claims = family.claims(name)
        if len(claims) == 1:
            component_of[name] = claims[0]
        elif claims:
            contested.append(f"{name} ({' and '.join(claims)})")
        else:
            orphans.append(name)
    what = "the given patterns" if family is None else f"the family {family.name}"
    if contested:
        raise MergeError(
            f"{len(contested)} tensors belong to several components: {_some(contested)}; make patterns exclusive"
        )
    if orphans:
        raise MergeError(
            f"{len(orphans)} tensors belong to no component of {what}: {_some(orphans)}; "
            "say where they belong with --component NAME=REGEX"
        )
    for component in patterns or {}:
        if component not in component_of.values():
            raise MergeError(f"--component {component}={own[component].pattern} matches no tensor")
    family_components = () if family is None else tuple(family.components)
    components = tuple(dict.fromkeys((*own, *family_components)))
    return Partition("unknown" if family is None else family.name, components, component_of)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
