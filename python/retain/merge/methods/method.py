"""What a merge method decides: how each pair of tensors becomes one."""

from dataclasses import dataclass
from typing import Literal, Protocol

End = Literal["base", "finetuned"]


@dataclass(frozen=True)
class Operation:
    """How one tensor of the output is made.

    Attributes:
        kind: "take" the tensor of one end as it is, or interpolate, "linear".
        end: Whose tensor is taken; of no meaning for "linear".
        alpha: The weight of the finetuned end, for "linear".
    """

    kind: Literal["take", "linear"]
    end: End = "base"
    alpha: float = 0.0


class Method(Protocol):
    """A merge method."""

    @property
    def name(self) -> str:
        """What `--method` and recipes call it."""
        ...

    def operation(self, alpha: float) -> Operation:
        """How a floating-point tensor of both ends is merged at this α."""
        ...
