"""Whether the statistics that stand beside a dataset are those of its frames: policies are normalized by them."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from retain.data.check.finding import Finding, Severity, first_few
from retain.data.check.rows import Rows, channels, is_numeric
from retain.data.features import BOOKKEEPING
from retain.data.reader import Dataset
from retain.data.statistics import Statistics, vector_statistics
from retain.errors import DatasetError

TOLERANCE = 0.05
"""Mean, std, min and max off by more than this share of a channel's std are those of other data."""
QUANTILES = 0.5
"""The same for quantiles, of which LeRobot stores the average over episodes."""
_COMPUTE_AGAIN = "compute the statistics again: these shift every number that is normalized by them"
_AVERAGED = (
    "LeRobot stores the average of its episodes' quantiles: policies that normalize by quantiles (pi0.5) do better with"
    " the frames' own"
)


def check_statistics(data: Dataset, rows: Rows) -> Iterator[Finding]:
    """Stored against computed, channel by channel; and whether pictures' statistics are in [0, 1]."""
    file = str(data.where.stats_path.relative_to(data.path))
    try:
        stored = data.stats
    except DatasetError as error:
        yield Finding("broken", "statistics", str(error), "compute the statistics again", file=file)
        return
    for name, feature in data.features.items():
        if name in BOOKKEEPING or feature.dtype == "string":
            continue
        if name not in stored:
            yield Finding(
                "broken", "statistics", f"{file} has no statistics of {name}", "compute the statistics again", file=file
            )
        elif not all(_is_numeric(value) for value in stored[name].values()):
            yield Finding(
                "broken", "statistics", f"{file} has no numbers as {name}", "compute the statistics again", file=file
            )
        elif feature.is_picture:
            yield from _pictures(name, stored[name], file)
        elif is_numeric(feature) and rows.whole and len(rows):
            labels, values = zip(*channels(rows, name, feature), strict=True)
            yield from first_few(_off(list(labels), np.stack(values, axis=1), stored[name], file))


def _is_numeric(value: NDArray[np.generic]) -> bool:
    return value.dtype.kind in "iufb" and value.size > 0


def _pictures(name: str, stored: Statistics, file: str) -> Iterator[Finding]:
    largest = float(np.max(stored["max"])) if "max" in stored else 0.0
    if largest > 1.0 + 1e-6:
        yield Finding(
            "broken",
            "statistics",
            f"{file} has the statistics of {name} up to {largest:g}, expected pictures in 0 to 1",
            "compute the statistics again, of pictures divided by 255",
            channel=name,
            file=file,
        )


def _off(labels: list[str], values: NDArray[np.float64], stored: Statistics, file: str) -> Iterator[Finding]:
    """One finding per channel and severity: the statistic that is furthest off, and the names of the others."""
    finite = np.isfinite(values).all(axis=0)
    exact = vector_statistics(np.where(finite, values, 0.0))
    exact.pop("count")
    # A channel that does not move is measured by what float32 resolves of its value.
    spread = np.maximum(exact["std"], 1e-6 + 1e-4 * np.abs(exact["mean"]))
    off = {}
    for statistic in exact.keys() & stored.keys():
        found = np.asarray(stored[statistic], np.float64).reshape(-1)
        if len(found) != len(labels):
            feature = labels[0].partition("[")[0]
            yield Finding(
                "broken",
                "statistics",
                f"{file} has {len(found)} numbers as {statistic} of {feature}, which has {len(labels)} channels",
                _COMPUTE_AGAIN,
                file=file,
            )
            return
        off[statistic] = np.nan_to_num(np.abs(found - exact[statistic]) / spread, nan=np.inf)
    kinds: list[tuple[Severity, float, str]]
    kinds = [("broken", TOLERANCE, _COMPUTE_AGAIN), ("suspicious", QUANTILES, _AVERAGED)]
    for severity, tolerance, mend in kinds:
        names = sorted(name for name in off if name.startswith("q") == (severity == "suspicious"))
        for channel in np.flatnonzero(finite):
            wrong = sorted((name for name in names if off[name][channel] > tolerance), key=lambda n: -off[n][channel])
            if wrong:
                statistic, also = wrong[0], ", ".join(wrong[1:])
                has = float(np.asarray(stored[statistic], np.float64).reshape(-1)[channel])
                yield Finding(
                    severity,
                    "statistics",
                    f"{labels[channel]}: {file} has {has:.4g} as its {statistic}, the frames have"
                    f" {exact[statistic][channel]:.4g}{f' ({also} off too)' if also else ''}",
                    mend,
                    channel=labels[channel],
                    file=file,
                )
