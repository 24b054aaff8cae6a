"""Whether episodes are as long as each other and tasks have episodes."""

from collections.abc import Iterator

import numpy as np

from retain.data.check.finding import Finding, first_few
from retain.data.check.rows import Rows
from retain.data.reader import Dataset

ODD = 4.0
"""An episode as many times shorter or longer than the median was cut, or several in one."""
_ENOUGH = 5
"""Fewer episodes have no usual length."""


def check_episodes(data: Dataset, rows: Rows) -> Iterator[Finding]:
    """Lengths of episodes, and the tasks that they name."""
    yield from first_few(_lengths(data))
    yield from _tasks(data, rows)


def _lengths(data: Dataset) -> Iterator[Finding]:
    lengths = data.where.episode_lengths()
    usual = float(np.median(lengths)) if len(lengths) else 0.0
    for episode, length in enumerate(lengths.tolist()):
        if length < 2:
            kind = "no motion can be learned from it: leave it out"
        elif len(lengths) >= _ENOUGH and length * ODD < usual:
            kind = "was it cut off, or aborted? leave it out"
        elif len(lengths) >= _ENOUGH and length > ODD * usual:
            kind = "does it hold several, with the next one's start missed? cut it"
        else:
            continue
        yield Finding(
            "suspicious",
            "length",
            f"episode {episode} has {length} frames ({length / data.fps:.3g} s), the median is {usual:g}",
            kind,
            episode=episode,
        )


def _tasks(data: Dataset, rows: Rows) -> Iterator[Finding]:
    tasks, used = data.tasks, rows.columns["task_index"].astype(np.int64)
    file = str(data.where.tasks_path.relative_to(data.path))
    if len(used) and (used.max() >= len(tasks) or used.min() < 0):
        row = int(np.flatnonzero((used >= len(tasks)) | (used < 0))[0])
        episode, frame = rows.place(row)
        yield Finding(
            "broken",
            "task",
            f"frame {frame} of episode {episode} has task {used[row]}; {file} has {len(tasks)} tasks",
            "record or convert the dataset again",
            episode=episode,
            frame=frame,
            file=file,
        )
    if rows.whole:
        yield from first_few(
            Finding(
                "suspicious", "task", f"the task {tasks[index]!r} has no episode", f"take it out of {file}", file=file
            )
            for index in np.setdiff1d(np.arange(len(tasks)), used)
        )
    yield from first_few(
        Finding("broken", "task", f"task {index} is empty", f"say in words what is done, in {file}", file=file)
        for index, text in enumerate(tasks)
        if not text.strip()
    )
