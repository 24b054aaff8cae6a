"""From the units that a dataset was recorded in to SI, which is what bundles and robots speak.

LeRobot's arms are recorded in degrees and in percent of a motor's range; a policy trained on them keeps those units,
so that more of the same data can be learned. At the export every channel becomes rad, m, or a share from 0 to 1: one
affine map per channel takes it there exactly.
"""

import math
from dataclasses import replace
from typing import Final, TypeVar

from retain.policy.normalization import Affine, Normalization
from retain.policy.spec import ActionChannel, Channel, PolicySpec

SI: Final[dict[str, tuple[str, float]]] = {
    "deg": ("rad", math.pi / 180.0),
    "percent": ("1", 0.01),
    "mm": ("m", 0.001),
    "cm": ("m", 0.01),
}
"""Unit → (SI unit, factor): value in SI = factor · value. Units that are not here are kept as they are."""

_AnyChannel = TypeVar("_AnyChannel", Channel, ActionChannel)


def in_si(spec: PolicySpec) -> PolicySpec:
    """The same policy in SI units: the network's numbers stay, offsets, scales and the names of units change."""
    return replace(
        spec,
        state=tuple(_converted(channel) for channel in spec.state),
        action=tuple(_converted(channel) for channel in spec.action),
        normalization=Normalization(
            state=_scaled(spec.normalization.state, [factor_of(channel.unit) for channel in spec.state]),
            action=_scaled(spec.normalization.action, [factor_of(channel.unit) for channel in spec.action]),
        ),
    )


def factor_of(unit: str) -> float:
    """What a value in this unit is multiplied by to be in SI."""
    return SI.get(unit, (unit, 1.0))[1]


def _converted(channel: _AnyChannel) -> _AnyChannel:
    return replace(channel, unit=SI.get(channel.unit, (channel.unit, 1.0))[0])


def _scaled(affine: Affine, factors: list[float]) -> Affine:
    return Affine(
        tuple(offset * factor for offset, factor in zip(affine.offset, factors, strict=True)),
        tuple(scale * factor for scale, factor in zip(affine.scale, factors, strict=True)),
    )
