"""Whether each number of state and action is one that can be learned from: finite, moving, without jumps."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from retain.data.check.finding import Finding, first_few
from retain.data.check.rows import Rows, channels, is_numeric
from retain.data.features import BOOKKEEPING
from retain.data.reader import Dataset

FEW_LEVELS = 16
"""A channel with no more different values is a switch or a counter: it may jump."""
NEAR = 10
"""Frames before and after that a step is compared with."""
JUMP = 8.0
"""A step as many times larger than all others near it is a jump: noise has no such steps, a fast motion has several."""


def check_channels(data: Dataset, rows: Rows) -> Iterator[Finding]:
    """Every channel of every numeric feature."""
    for name, feature in data.features.items():
        if name in BOOKKEEPING or not is_numeric(feature) or not len(rows):
            continue
        for label, values in channels(rows, name, feature):
            if np.isfinite(values).all():
                yield from _motion(rows, label, values)
            else:
                yield _not_finite(rows, label, values)


def _not_finite(rows: Rows, label: str, values: NDArray[np.float64]) -> Finding:
    bad = np.flatnonzero(~np.isfinite(values))
    episode, frame = rows.place(int(bad[0]))
    return Finding(
        "broken",
        "channel",
        f"{label} is not finite in {len(bad)} of {len(values)} frames, first in episode {episode}, frame {frame}",
        "leave these episodes out, or record them again",
        episode=episode,
        frame=frame,
        channel=label,
    )


def _motion(rows: Rows, label: str, values: NDArray[np.float64]) -> Iterator[Finding]:
    if np.ptp(values) == 0:
        yield Finding(
            "suspicious",
            "channel",
            f"{label} is {values[0]:g} in every frame",
            "a policy learns nothing from it and its std is 0: leave the channel out if it cannot move",
            channel=label,
        )
        return
    if len(np.unique(values)) <= FEW_LEVELS:
        return
    yield from first_few(
        Finding(
            "suspicious",
            "jump",
            f"{label} jumps from {values[row]:.4g} to {values[row + 1]:.4g} in episode {rows.place(row)[0]}, frame"
            f" {rows.place(row)[1] + 1}, {ratio:.0f} times as far as in any step near it",
            _mend(values[row + 1] - values[row]),
            episode=rows.place(row)[0],
            frame=rows.place(row)[1] + 1,
            channel=label,
        )
        for row, ratio in jumps(values, rows.same_episode())
    )


def jumps(values: NDArray[np.float64], follows: NDArray[np.bool_]) -> Iterator[tuple[int, float]]:
    """Steps that are larger than what their neighbours do.

    Args:
        values: [N], finite.
        follows: bool [N - 1], whether the step from i to i + 1 stays in one episode.

    Yields:
        Each row whose step to the next one is `JUMP` times as large as the largest of the `NEAR` steps before and after
        it and as the 95th percentile of all, and how many times as large. A glitch of one frame is two steps, so the
        next step but one on each side is not counted as a neighbour.
    """
    step = np.where(follows, np.abs(np.diff(values)), 0.0)
    inside = step[follows]
    usual = float(np.quantile(inside, 0.95)) if len(inside) else 0.0
    # Below what the stored numbers resolve there are no jumps.
    floor = max(usual, 1e-6 * float(np.abs(values).max()))
    for row in np.flatnonzero(step > JUMP * floor).tolist():
        near = [step[max(0, row - NEAR) : max(0, row - 1)], step[row + 2 : row + 2 + NEAR]]
        other = max([floor, *(float(part.max()) for part in near if len(part))])
        if step[row] > JUMP * other:
            yield row, float(step[row]) / other


def _mend(distance: float) -> str:
    turns = abs(distance) / (2 * np.pi)
    for period, unit in ((2 * np.pi, "rad"), (360.0, "deg")):
        if abs(abs(distance) - period) < 0.05 * period and turns > 0.5:
            return f"an angle that wraps around by one turn ({unit}): unwrap it before recording"
    return "a lost packet or a reset while recording: look at the episode, leave it out or record it again"
