"""Intervals for means over targets and seeds: policies differ by training seed, so seeds are resampled too."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 4000

Group = NDArray[np.bool_]
"""Outcomes of one policy (one target, one training seed) on some episodes."""


@dataclass(frozen=True)
class Estimate:
    """A share or a difference of shares with its 95 % interval.

    Attributes:
        value: The mean over groups, each counting the same.
        low, high: Hierarchical bootstrap: groups, then episodes within each.
    """

    value: float
    low: float
    high: float

    def points(self) -> str:
        """Such as "+12 [+4, +20]"."""
        return f"{100 * self.value:+.0f} [{100 * self.low:+.0f}, {100 * self.high:+.0f}]"

    def percent(self) -> str:
        """Such as "47 [40, 54]"."""
        return f"{100 * self.value:.0f} [{100 * self.low:.0f}, {100 * self.high:.0f}]"


def mean(groups: Sequence[Group], seed: int = 0) -> Estimate:
    """Mean success over groups."""
    return _bootstrap([group.astype(float) for group in groups], seed)


def difference(reference: Sequence[Group], other: Sequence[Group], seed: int = 0) -> Estimate:
    """Mean of other − reference over groups, paired by episode."""
    pairs = zip(reference, other, strict=True)
    return _bootstrap([second.astype(float) - first.astype(float) for first, second in pairs], seed)


def _bootstrap(groups: Sequence[NDArray[np.float64]], seed: int) -> Estimate:
    rng = np.random.default_rng(seed)
    # The mean of a resample of n episodes, for every group and resample; groups are then drawn among these.
    means = np.stack([group[rng.integers(0, len(group), (RESAMPLES, len(group)))].mean(axis=1) for group in groups])
    drawn = rng.integers(0, len(groups), (RESAMPLES, len(groups)))
    totals = means[drawn, np.arange(RESAMPLES)[:, None]].mean(axis=1)
    low, high = np.quantile(totals, [0.025, 0.975])
    return Estimate(float(np.mean([group.mean() for group in groups])), float(low), float(high))
