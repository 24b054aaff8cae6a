"""How deep in its network a tensor sits, for methods that go by layers (LiNeS, arXiv 2410.17146).

Depth is counted within a stack of layers: vision tower, language model, action expert. What comes before the first
layer (embeddings, input projections) is as deep as the first, what comes after the last (final norm, heads, output
projections) as deep as the last. PyTorch names its layers; JAX stacks them on a tensor's first axis, which has one
depth per row. Both readings of one model give the same depths.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from retain.merge.families import Family, Stack
from retain.merge.layer_names import read_layer_names


@dataclass(frozen=True)
class Depth:
    """A place in a stack.

    Attributes:
        layer: Number of the layer, 0 for the first.
        layers: How many the stack has, 2 or more: a single layer has no depth.
    """

    layer: int
    layers: int

    @property
    def position(self) -> float:
        """0 at the first layer, 1 at the last: layer / (layers - 1)."""
        return self.layer / (self.layers - 1)


Depths = Mapping[str, "Depth | tuple[Depth, ...] | None"]
"""By tensor: its depth, or one per row of its first axis, or None where it is in no stack of two layers or more."""


def depths(shapes: Mapping[str, Sequence[int]], family: Family | None) -> Depths:
    """The depth of every tensor of a whole policy.

    Args:
        shapes: Shape of every tensor, by name.
        family: Whose stacks to go by first; what they do not hold, and everything of an unknown policy, is read from
            plain names (`layers.3`, `blocks.3`, `h.3`, `layer2.0`, `down_blocks.1`).
    """
    canonical = {name: family.canonical(name) if family else name for name in shapes}
    found: dict[str, Depth | tuple[Depth, ...] | None] = {}
    for stack in family.stacks if family else ():
        left = {name: canonical[name] for name in shapes if name not in found}
        found.update(_read_stack(stack, left, shapes))
    left = {name: canonical[name] for name in shapes if name not in found}
    for name, place in read_layer_names(left).items():
        found[name] = None if place is None else _depth(*place)
    return {name: found.get(name) for name in shapes}


def _depth(layer: int, layers: int) -> Depth | None:
    return Depth(layer, layers) if layers > 1 else None


def _read_stack(
    stack: Stack, names: Mapping[str, str], shapes: Mapping[str, Sequence[int]]
) -> dict[str, Depth | tuple[Depth, ...] | None]:
    numbers: dict[str, tuple[int, ...]] = {}
    rows: dict[str, int] = {}
    for name, canonical in names.items():
        for part, pattern in enumerate(stack.layers):
            if match := pattern.fullmatch(canonical):
                numbers[name] = (part, *_groups(match))
                break
        else:
            if stack.stacked.fullmatch(canonical) and shapes[name]:
                rows[name] = shapes[name][0]
    order = {number: layer for layer, number in enumerate(sorted(set(numbers.values())))}
    layers = max([len(order), *rows.values()], default=0)
    found: dict[str, Depth | tuple[Depth, ...] | None] = {
        name: _depth(order[number], layers) for name, number in numbers.items()
    }
    for name, count in rows.items():
        found[name] = tuple(Depth(row, count) for row in range(count)) if count > 1 else None
    if layers:
        for name, canonical in names.items():
            if name in found:
                continue
            if stack.before.fullmatch(canonical):
                found[name] = _depth(0, layers)
            elif stack.after.fullmatch(canonical):
                found[name] = _depth(layers - 1, layers)
    return found


def _groups(match: re.Match[str]) -> tuple[int, ...]:
    return tuple(int(group) for group in match.groups() if group is not None) or (0,)
