"""LeRobot's normalizer as what it is, an affine map per channel, as in LeRobot 0.4 to 0.6 (normalize_processor.py).

MEAN_STD: n = (x − mean) / (std + ε), and back x = n · std + mean, without the ε.
MIN_MAX, QUANTILES (q01, q99), QUANTILE10 (q10, q90): n = 2 (x − low) / d − 1, and back x = (n + 1) / 2 · d + low, where
d = high − low, or ε where that is 0. A feature without statistics passes unchanged.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from retain.checkpoint.checkpoint import Checkpoint
from retain.checkpoint.json_object import read_json_object
from retain.checkpoint.statistics import Statistics, Values
from retain.errors import CheckpointError

STATISTICS_OF: Mapping[str, tuple[str, str]] = {
    "MEAN_STD": ("mean", "std"),
    "MIN_MAX": ("min", "max"),
    "QUANTILES": ("q01", "q99"),
    "QUANTILE10": ("q10", "q90"),
}
"""The two statistics that a mode uses; IDENTITY uses none."""

_EPSILON = 1e-8  # LeRobot's, where the file does not say

Change = tuple[float, float]
"""How one end's normalized number becomes the other's: other = scale · one + shift."""


@dataclass(frozen=True)
class Normalized:
    """How one feature is normalized.

    Attributes:
        kind: LeRobot's type of the feature: "VISUAL", "STATE", "ENV" or "ACTION".
        mode: A key of STATISTICS_OF.
        epsilon: What keeps the divisor from 0.
        low: Mean, minimum or lower quantile, by channel.
        high: Standard deviation, maximum or upper quantile, by channel.
    """

    kind: str
    mode: str
    epsilon: float
    low: Values
    high: Values

    @property
    def settings(self) -> tuple[str, float, int]:
        """What must be the same at two ends before their channels can be compared: mode, ε, number of channels."""
        return self.mode, self.epsilon, len(self.low)

    def divisors(self) -> Values:
        """What normalizing divides by."""
        if self.mode == "MEAN_STD":
            return tuple(high + self.epsilon for high in self.high)
        ranges = (high - low for low, high in zip(self.low, self.high, strict=True))
        return tuple(span if span != 0.0 else self.epsilon for span in ranges)

    def factors(self) -> Values:
        """What going back multiplies by; for MEAN_STD it is not the divisor: there is no ε in it."""
        return self.high if self.mode == "MEAN_STD" else self.divisors()

    @property
    def _gain_offset(self) -> tuple[float, float]:
        return (1.0, 0.0) if self.mode == "MEAN_STD" else (2.0, -1.0)


def input_changes(base: Normalized, finetuned: Normalized) -> tuple[Change, ...]:
    """By channel, how the base's normalized input becomes the finetuned end's: n_f = scale · n_b + shift.

    x is the same, so n_f = (n_b − offset) · d_b / d_f + gain · (low_b − low_f) / d_f + offset.
    """
    gain, offset = base._gain_offset
    changes = []
    for low_b, low_f, d_b, d_f in zip(base.low, finetuned.low, base.divisors(), finetuned.divisors(), strict=True):
        scale = d_b / d_f
        changes.append((scale, offset * (1.0 - scale) + gain * (low_b - low_f) / d_f))
    return tuple(changes)


def output_changes(base: Normalized, finetuned: Normalized) -> tuple[Change | None, ...]:
    """By channel, how the finetuned end's normalized output becomes the base's: n_b = scale · n_f + shift.

    None where the base's factor is 0 and the finetuned end's channel is not the same constant: read with the base's
    statistics it could not move, whatever the network says.
    """
    gain, offset = base._gain_offset
    changes: list[Change | None] = []
    for low_b, low_f, s_b, s_f in zip(base.low, finetuned.low, base.factors(), finetuned.factors(), strict=True):
        if s_b == 0.0:
            changes.append((1.0, 0.0) if s_f == 0.0 and low_f == low_b else None)
            continue
        scale = s_f / s_b
        changes.append((scale, offset * (1.0 - scale) + gain * (low_f - low_b) / s_b))
    return tuple(changes)


def read_normalizer(checkpoint: Checkpoint, statistics: Statistics) -> Mapping[str, Normalized] | None:
    """How a policy normalizes its features, those that it passes unchanged left out.

    Returns:
        By feature, or None where the policy does not say: only LeRobot's processors do.

    Raises:
        CheckpointError: A processor file is broken, or lacks a statistic that its mode needs.
    """
    steps = [] if checkpoint.is_bare else list(_steps(checkpoint))
    if not steps or not all(isinstance(step.get(key), dict) for step in steps for key in ("norm_map", "features")):
        return None
    found: dict[str, Normalized] = {}
    for step in steps:
        for feature, normalized in _features(checkpoint, step, statistics):
            if found.setdefault(feature, normalized) != normalized:
                raise CheckpointError(
                    f"{checkpoint.path} normalizes {feature} differently before and after the network "
                    f"({found[feature].mode} and {normalized.mode}); repair its processor files"
                )
    return found


def _steps(checkpoint: Checkpoint) -> Iterator[Mapping[str, Any]]:
    for name in ("policy_preprocessor.json", "policy_postprocessor.json"):
        pipeline = checkpoint.directory / name
        if not pipeline.exists():
            continue
        for step in read_json_object(pipeline).get("steps", []):
            if str(step.get("registry_name", "")) in ("normalizer_processor", "unnormalizer_processor"):
                config = step.get("config")
                yield config if isinstance(config, dict) else {}


def _features(
    checkpoint: Checkpoint, step: Mapping[str, Any], statistics: Statistics
) -> Iterator[tuple[str, Normalized]]:
    chosen = step.get("normalize_observation_keys")
    epsilon = step.get("eps", _EPSILON)
    if not isinstance(epsilon, int | float):
        raise CheckpointError(f"{checkpoint.path} has a normalizer whose eps is {epsilon!r}; expected a number")
    for feature, description in step["features"].items():
        if not isinstance(description, dict):
            raise CheckpointError(f"{checkpoint.path} has a normalizer whose feature {feature} has no type")
        kind = str(description.get("type"))
        mode = str(step["norm_map"].get(kind, "IDENTITY"))
        has = [name for name in statistics.values if name.rpartition(".")[0] == feature]
        if mode == "IDENTITY" or not has or (kind != "ACTION" and chosen is not None and feature not in chosen):
            continue
        if mode not in STATISTICS_OF:
            raise CheckpointError(f"{checkpoint.path} normalizes {feature} by {mode}, which is not known here")
        names = [f"{feature}.{statistic}" for statistic in STATISTICS_OF[mode]]
        for name in names:
            if name not in statistics.values:
                raise CheckpointError(f"{checkpoint.path} normalizes by {mode} but has no statistic {name}")
        low, high = (statistics.values[name] for name in names)
        yield feature, Normalized(kind, mode, float(epsilon), low, high)
