"""The affine layers next to the data, where a change of units can be folded into the weights."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Heads:
    """Which layers read and write normalized numbers, by feature (as "action" or "observation.state").

    A layer is named without its ".weight" and ".bias". Folding is exact where *all* that a feature meets on its way in
    or out of the network are these layers: nothing nonlinear, no clipping, no noise of a fixed size in its units.

    Attributes:
        inputs: Linear layers that read the feature and nothing else.
        outputs: Linear layers whose output is the feature.
        refusals: Why a feature that differs cannot be folded, in words that go on after "because".
    """

    inputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    outputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    refusals: Mapping[str, str] = field(default_factory=dict)


FLOW = "its actions grow out of noise that has unit variance in normalized units"
TOKENS = "its actions are tokens that stand for normalized numbers"
STATE_AS_TEXT = "it reads the normalized state as text"
