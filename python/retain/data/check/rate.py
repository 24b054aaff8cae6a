"""Whether frames come at the rate that info.json says: everything that looks ahead in time counts frames."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from retain.data.check.finding import Finding, first_few
from retain.data.check.rows import Rows
from retain.data.reader import Dataset

_OFF_RATE = 0.01
"""A mean interval that differs by more than this share is another rate."""
_OFF_GRID = 0.1
"""A timestamp further than this share of an interval from frame_index / fps belongs to another moment."""


def check_rate(data: Dataset, rows: Rows) -> Iterator[Finding]:
    """The timestamps of all frames against frame_index / fps."""
    timestamp = rows.columns["timestamp"].astype(np.float64)
    follows = rows.same_episode()
    if not follows.any():
        return
    steps = np.diff(timestamp)[follows]
    usual = float(np.median(steps))
    if not np.isfinite(usual) or usual <= 0:
        yield Finding(
            "broken",
            "rate",
            f"timestamps advance by {usual:g} s from frame to frame",
            "write timestamps in seconds since the episode's start",
        )
    elif abs(usual * data.fps - 1) > _OFF_RATE:
        yield Finding(
            "broken",
            "rate",
            f"timestamps advance by {usual:.4g} s, which is {1 / usual:.4g} Hz; info.json says {data.fps} Hz",
            "correct fps in info.json, or the timestamps: chunks and videos are cut by them",
        )
    else:
        yield from first_few(_off_grid(data, rows, timestamp))


def _off_grid(data: Dataset, rows: Rows, timestamp: NDArray[np.float64]) -> Iterator[Finding]:
    episode = rows.columns["episode_index"]
    late = np.abs(timestamp - rows.columns["frame_index"] / data.fps)
    bad = np.flatnonzero(~(late <= _OFF_GRID / data.fps))
    numbers, first, which = np.unique(episode[bad], return_index=True, return_inverse=True)
    worst = np.zeros(len(numbers))
    np.maximum.at(worst, which.reshape(-1), np.nan_to_num(late[bad], nan=np.inf))
    for number, row, distance in zip(numbers.tolist(), bad[first].tolist(), worst.tolist(), strict=True):
        frame = rows.place(row)[1]
        yield Finding(
            "broken",
            "rate",
            f"timestamps leave the {data.fps} Hz grid in episode {number} from frame {frame} on, by up to"
            f" {distance:.3f} s",
            "frames were dropped: record the episode again, or resample it",
            episode=number,
            frame=frame,
        )
