"""From the units that a dataset was recorded in to SI, which is what bundles and robots speak.

LeRobot's arms are recorded in degrees and in percent of a motor's range; a policy trained on them keeps those units,
so that more of the same data can be learned. At the export every channel becomes rad, m, or a share from 0 to 1: one
affine map per channel takes it there exactly. What depends on the arm (LeRobot's -100 to 100 of a servo's range) is
kept as a multiple of an SI unit, "0.0196 rad".
"""

import math
import re
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

PLAIN: Final = ("rad", "m", "m/s", "rad/s", "1")
"""Units that are not converted."""

_MULTIPLE: Final = re.compile(r"([+-]?[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?) ?(rad/s|rad|m/s|m)")

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


def is_known(unit: str) -> bool:
    """Whether a unit is one of `PLAIN`, `SI`, or a multiple of a plain one other than 0."""
    return unit in PLAIN or unit in SI or (_MULTIPLE.fullmatch(unit) is not None and factor_of(unit) != 0.0)


def factor_of(unit: str) -> float:
    """What a value in this unit is multiplied by to be in SI."""
    return _to_si(unit)[1]


def _to_si(unit: str) -> tuple[str, float]:
    if multiple := _MULTIPLE.fullmatch(unit):
        return multiple[2], float(multiple[1])
    return SI.get(unit, (unit, 1.0))


def _converted(channel: _AnyChannel) -> _AnyChannel:
    return replace(channel, unit=_to_si(channel.unit)[0])


def _scaled(affine: Affine, factors: list[float]) -> Affine:
    return Affine(
        tuple(offset * factor for offset, factor in zip(affine.offset, factors, strict=True)),
        tuple(scale * factor for scale, factor in zip(affine.scale, factors, strict=True)),
    )
