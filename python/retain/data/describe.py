"""What a dataset holds and what is wrong with it, on one screen."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from retain.data.check import Finding, Rows, check
from retain.data.check.rows import is_numeric
from retain.data.features import BOOKKEEPING
from retain.data.reader import Dataset


@dataclass(frozen=True)
class Description:
    """A dataset in numbers.

    Attributes:
        path: Where it is.
        version: Of LeRobotDataset, such as "v3.0".
        episodes, frames: Totals, by its metadata.
        fps: Frames per second.
        duration_s: Total recorded time [s].
        robot_type: As recorded.
        features: LeRobot feature dictionaries without the bookkeeping columns.
        tasks: Frames per instruction, most first.
        lengths: Shortest, median and longest episode [frames].
        statistics: Per numeric feature min, max, mean, std of each channel, over the frames that can be read.
        findings: What is broken or suspicious, broken first.
    """

    path: str
    version: str
    episodes: int
    frames: int
    fps: int
    duration_s: float
    robot_type: str
    features: dict[str, dict[str, Any]]
    tasks: dict[str, int]
    lengths: tuple[int, int, int]
    statistics: dict[str, dict[str, list[float]]]
    findings: tuple[Finding, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """What makes it unfit to train on, one sentence each; empty when nothing is wrong."""
        return tuple(str(finding) for finding in self.findings if finding.severity == "broken")

    @property
    def remarks(self) -> tuple[str, ...]:
        """What may be meant but deserves a look, such as a channel that never moves."""
        return tuple(str(finding) for finding in self.findings if finding.severity == "suspicious")

    def as_json(self) -> dict[str, Any]:
        """Everything as plain lists and dictionaries."""
        return {**asdict(self), "findings": [finding.as_json() for finding in self.findings]}


def describe(dataset: Dataset | str | Path, *, every_frame: bool = False) -> Description:
    """Read a dataset's numbers, and the first and last picture of each episode, and check them.

    Args:
        dataset: The dataset, or its path.
        every_frame: Decode every picture.

    Raises:
        DatasetError: It cannot be read at all. Milder faults are returned as `findings`.
    """
    data = dataset if isinstance(dataset, Dataset) else Dataset(dataset)
    rows, findings = check(data, every_frame=every_frame)
    shown = {name: feature for name, feature in data.features.items() if name not in BOOKKEEPING}
    texts, used = data.tasks, rows.columns["task_index"].astype(np.int64)
    frames_of = np.bincount(used[(used >= 0) & (used < len(texts))], minlength=len(texts))
    lengths = data.where.episode_lengths()
    return Description(
        path=str(data.path),
        version=data.version,
        episodes=data.num_episodes,
        frames=data.num_frames,
        fps=data.fps,
        duration_s=data.num_frames / data.fps,
        robot_type=data.robot_type,
        features={name: feature.as_json() for name, feature in shown.items()},
        tasks={texts[index]: int(frames_of[index]) for index in np.argsort(-frames_of, kind="stable")},
        lengths=(int(lengths.min()), int(np.median(lengths)), int(lengths.max())) if len(lengths) else (0, 0, 0),
        statistics={name: _reduced(rows, name) for name, feature in shown.items() if is_numeric(feature) and len(rows)},
        findings=tuple(findings),
    )


def _reduced(rows: Rows, name: str) -> dict[str, list[float]]:
    values = rows.columns[name].reshape(len(rows), -1).astype(np.float64)
    reduced = {"min": values.min(0), "max": values.max(0), "mean": values.mean(0), "std": values.std(0)}
    return {statistic: value.tolist() for statistic, value in reduced.items()}
