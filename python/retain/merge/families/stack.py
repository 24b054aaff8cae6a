"""A stack of layers: which tensors are its layers, in what order, and which come before and after them."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Stack:
    """Layers that data pass through one after the other. Patterns are matched against canonical names.

    Attributes:
        layers: Patterns of the tensors within layers, one pattern per part of the stack, in the order that data take
            (as encoder, then decoder). The groups that match are the layer's number within its part; none means 0.
        before: What comes before the first layer: embeddings, input projections.
        after: What comes after the last: the final norm, heads, output projections.
        stacked: Tensors that hold one layer of the stack per row of their first axis (JAX).
    """

    layers: tuple[re.Pattern[str], ...]
    before: re.Pattern[str]
    after: re.Pattern[str]
    stacked: re.Pattern[str]


def stack(*layers: str, before: str = "", after: str = "", stacked: str = "") -> Stack:
    """A stack from regular expressions of full names; an empty one matches nothing."""

    def compiled(pattern: str) -> re.Pattern[str]:
        return re.compile(pattern or r"(?!)")

    return Stack(tuple(map(re.compile, layers)), compiled(before), compiled(after), compiled(stacked))
