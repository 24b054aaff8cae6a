"""Statistics of a dataset's features, exact: nothing is sampled and no quantile is averaged.

Pictures are counted into 256 bins per colour, which determine every statistic of 8-bit values. Vectors are kept until
the end (4·D bytes a frame: 56 MB for a million frames of 14 numbers), because exact quantiles need the values.
Accumulation is in float64; std is the population's (ddof = 0), as LeRobot's; quantiles interpolate linearly.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Statistics = dict[str, NDArray[Any]]

QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}


def vector_statistics(values: NDArray[Any]) -> Statistics:
    """Statistics over frames of [T, D] values; each is [D], count is [1]."""
    exact = values.astype(np.float64)
    statistics = {
        "min": exact.min(axis=0),
        "max": exact.max(axis=0),
        "mean": exact.mean(axis=0),
        "std": exact.std(axis=0),
        "count": np.array([len(exact)]),
    }
    quantiles = np.quantile(exact, list(QUANTILES.values()), axis=0)
    statistics.update(zip(QUANTILES, quantiles, strict=True))
    return statistics


def count_levels(frames: NDArray[np.uint8]) -> NDArray[np.int64]:
    """How often each level 0–255 occurs per colour of [T, H, W, 3] frames: [3, 256]."""
    counts = np.zeros((3, 256), np.int64)
    for frame in frames:  # one frame at a time stays in the cache; a whole episode does not
        for colour in range(3):
            counts[colour] += np.bincount(frame[..., colour].reshape(-1), minlength=256)
    return counts


def picture_statistics(counts: NDArray[np.int64], frames: int) -> Statistics:
    """Statistics per colour of pictures in [0, 1] from `count_levels`; each is [3, 1, 1], count is [1] (frames)."""
    levels = np.arange(256) / 255.0
    total = counts[0].sum()
    mean = counts @ levels / total
    variance = (counts * (levels - mean[:, None]) ** 2).sum(axis=1) / total
    present = counts > 0
    statistics = {
        "min": levels[present.argmax(axis=1)],
        "max": levels[255 - present[:, ::-1].argmax(axis=1)],
        "mean": mean,
        "std": np.sqrt(variance),
    }
    cumulative = counts.cumsum(axis=1)
    for name, quantile in QUANTILES.items():
        position = quantile * (total - 1)
        below, above = np.floor(position), np.ceil(position)
        # The k-th smallest value (from 0) is the first level whose cumulative count exceeds k.
        low = levels[(cumulative <= below).sum(axis=1)]
        high = levels[(cumulative <= above).sum(axis=1)]
        statistics[name] = low + (high - low) * (position - below)
    shaped: Statistics = {name: value.reshape(3, 1, 1) for name, value in statistics.items()}
    shaped["count"] = np.array([frames])
    return shaped


class Accumulator:
    """Statistics of each episode of one feature as it comes, and of all of them at the end."""

    def __init__(self, picture: bool) -> None:
        self._picture = picture
        self._values: list[NDArray[Any]] = []
        self._levels = np.zeros((3, 256), np.int64)
        self._frames = 0

    def add(self, frames: NDArray[Any]) -> Statistics:
        """Take one episode, [T, ...], and return its own statistics."""
        self._frames += len(frames)
        if self._picture:
            levels = count_levels(frames)
            self._levels += levels
            return picture_statistics(levels, len(frames))
        self._values.append(frames)
        return vector_statistics(frames)

    def total(self) -> Statistics:
        """Statistics over every frame so far."""
        if self._picture:
            return picture_statistics(self._levels, self._frames)
        return vector_statistics(np.concatenate(self._values))


def combine(parts: Sequence[dict[str, Statistics]]) -> dict[str, Statistics]:
    """Statistics of several pieces of data as those of the whole: min, max, mean, std and count, per feature.

    Exact, because a variance is the mean of the squares less the square of the mean; quantiles cannot be combined.

    Args:
        parts: Each with the same features, each feature with count.

    Raises:
        KeyError: A piece lacks a feature or a statistic.
        ValueError: There are no pieces, or their shapes differ.
    """
    if not parts:
        raise ValueError("there are no statistics to combine")
    whole = {}
    for name in parts[0]:
        low, high, mean, std, count = (
            np.stack([np.asarray(part[name][key], np.float64) for part in parts])
            for key in ("min", "max", "mean", "std", "count")
        )
        share = (count / count.sum()).reshape(-1, *(1,) * (mean.ndim - 1))
        centre = (share * mean).sum(axis=0)
        variance = (share * (std**2 + (mean - centre) ** 2)).sum(axis=0)
        whole[name] = {
            "min": low.min(axis=0),
            "max": high.max(axis=0),
            "mean": centre,
            "std": np.sqrt(variance),
            "count": np.array([int(count.sum())]),
        }
    return whole


def as_json(statistics: dict[str, Statistics]) -> dict[str, dict[str, Any]]:
    """The same with lists, as it stands in stats.json."""
    return {feature: {name: value.tolist() for name, value in one.items()} for feature, one in statistics.items()}


def from_json(value: dict[str, dict[str, Sequence[Any]]]) -> dict[str, Statistics]:
    """What `as_json` wrote, or LeRobot did."""
    return {feature: {name: np.asarray(item) for name, item in one.items()} for feature, one in value.items()}
