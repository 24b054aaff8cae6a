"""Whether the columns that number frames, episodes and tasks agree with each other and with the metadata."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from retain.data.check.finding import Finding, first_few
from retain.data.check.rows import Rows
from retain.data.reader import Dataset

_RECORD_AGAIN = "record or convert the dataset again"


def check_index(data: Dataset, rows: Rows) -> Iterator[Finding]:
    """Episode boundaries, lengths, and the numbers of frames, episodes and tasks."""
    bounds, lengths = data.episode_bounds, data.where.episode_lengths()
    if len(bounds) == 0:
        yield Finding("broken", "index", f"{data.path} has no episodes", "record one")
        return
    if bounds[0, 0] != 0 or bounds[-1, 1] != data.num_frames or (bounds[1:, 0] != bounds[:-1, 1]).any():
        yield Finding(
            "broken",
            "index",
            "meta/episodes does not cover the frames one after another: episodes overlap or have gaps",
            _RECORD_AGAIN,
        )
    yield from first_few(
        Finding(
            "broken",
            "index",
            f"episode {episode} is {length} frames long by its length and {spanned} by its from and to indices",
            _RECORD_AGAIN,
            episode=episode,
        )
        for episode, (length, spanned) in enumerate(zip(lengths, np.diff(bounds, axis=1)[:, 0], strict=True))
        if length != spanned
    )
    yield from first_few(_frames_of_episodes(rows, lengths))
    yield from first_few(_frame_numbers(rows))
    if rows.whole and (np.diff(rows.columns["episode_index"]) < 0).any():
        yield Finding(
            "broken",
            "index",
            "episode_index goes back between files; they are out of order or belong to another dataset",
            _RECORD_AGAIN,
        )


def _frames_of_episodes(rows: Rows, lengths: NDArray[np.int64]) -> Iterator[Finding]:
    episode = rows.columns["episode_index"].astype(np.int64)
    strange = episode[(episode < 0) | (episode >= len(lengths))]
    if len(strange):
        yield Finding(
            "broken",
            "index",
            f"frames belong to episode {strange[0]}; the metadata have episodes 0 to {len(lengths) - 1}",
            _RECORD_AGAIN,
            episode=int(strange[0]),
        )
    found = np.bincount(episode[(episode >= 0) & (episode < len(lengths))], minlength=len(lengths))
    for number in np.flatnonzero(found != lengths):
        if found[number] or rows.whole:  # in a file that cannot be read they are missing for another reason
            yield Finding(
                "broken",
                "index",
                f"episode {number} has {found[number]} frames; the metadata say {lengths[number]}",
                _RECORD_AGAIN,
                episode=int(number),
            )


def _frame_numbers(rows: Rows) -> Iterator[Finding]:
    episode, frame = rows.columns["episode_index"], rows.columns["frame_index"]
    starts = np.flatnonzero(np.diff(episode, prepend=np.int64(-1)))
    wrong = np.zeros(len(frame), dtype=bool)
    wrong[starts] = frame[starts] != 0
    inside = np.setdiff1d(np.arange(len(frame)), starts)
    wrong[inside] = frame[inside] != frame[inside - 1] + 1
    bad = np.flatnonzero(wrong)
    for number, first in zip(*np.unique(episode[bad], return_index=True), strict=True):
        row = int(bad[first])
        place = row - int(starts[np.searchsorted(starts, row, side="right") - 1])
        yield Finding(
            "broken",
            "index",
            f"frame_index does not count 0, 1, 2, … in episode {number}: it is {frame[row]} at row {place} of it",
            "frames are missing or repeated: record the episode again",
            episode=int(number),
            frame=place,
        )
