"""What a dataset holds and what is wrong with it, on one screen."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retain.data.features import BOOKKEEPING
from retain.data.reader import Dataset
from retain.errors import DatasetError

# Other tools sample or average stored statistics; off by more than this share of a channel's std they mislead training.
_STATS_TOLERANCE = 0.05


@dataclass(frozen=True)
class Description:
    """A dataset in numbers.

    Attributes:
        path: Where it is.
        episodes, frames: Totals.
        fps: Frames per second.
        duration_s: Total recorded time [s].
        robot_type: As recorded.
        features: LeRobot feature dictionaries without the bookkeeping columns.
        tasks: Frames per instruction, most first.
        lengths: Shortest, median and longest episode [frames].
        statistics: Per numeric feature min, max, mean, std of each channel.
        problems: What makes it unfit to train on, one sentence each; empty when nothing is wrong.
        remarks: What may be meant but deserves a look, such as a channel that never moves.
    """

    path: str
    episodes: int
    frames: int
    fps: int
    duration_s: float
    robot_type: str
    features: dict[str, dict[str, Any]]
    tasks: dict[str, int]
    lengths: tuple[int, int, int]
    statistics: dict[str, dict[str, list[float]]]
    problems: tuple[str, ...]
    remarks: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Everything as plain lists and dictionaries."""
        return asdict(self)


def describe(dataset: Dataset | str | Path) -> Description:
    """Read a dataset's numbers (not its pictures, beyond the first frame of each camera) and check them.

    Raises:
        DatasetError: It cannot be read at all. Milder faults are returned as `problems`.
    """
    data = dataset if isinstance(dataset, Dataset) else Dataset(dataset)
    shown = {name: feature for name, feature in data.features.items() if name not in BOOKKEEPING}
    numeric = [name for name, feature in shown.items() if not feature.is_picture and feature.dtype != "string"]
    texts = data.tasks
    frames_of = np.bincount(data.task_index, minlength=len(texts))
    lengths = np.diff(data.episode_bounds, axis=1)[:, 0]
    statistics = {}
    for name in numeric:
        values = data.column(name).reshape(data.num_frames, -1).astype(np.float64)
        reduced = {"min": values.min(0), "max": values.max(0), "mean": values.mean(0), "std": values.std(0)}
        statistics[name] = {statistic: value.tolist() for statistic, value in reduced.items()}
    return Description(
        path=str(data.path),
        episodes=data.num_episodes,
        frames=data.num_frames,
        fps=data.fps,
        duration_s=data.num_frames / data.fps,
        robot_type=data.robot_type,
        features={name: feature.as_json() for name, feature in shown.items()},
        tasks={texts[index]: int(frames_of[index]) for index in np.argsort(-frames_of[: len(texts)], kind="stable")},
        lengths=(int(lengths.min()), int(np.median(lengths)), int(lengths.max())),
        statistics=statistics,
        problems=tuple(_problems(data, numeric)),
        remarks=tuple(remark for name in numeric for remark in _remarks(data, name)),
    )


def _problems(data: Dataset, numeric: list[str]) -> Iterator[str]:
    yield from _bookkeeping_problems(data)
    for name in numeric:
        yield from _channel_problems(data, name)
    for name, feature in data.features.items():
        if feature.is_picture:
            last = data.episode_bounds[:, 1] - 1  # the last frame shows whether a video is long enough
            try:
                data.images(name, [0, *last[-1:]])
            except DatasetError as error:
                yield str(error)


def _bookkeeping_problems(data: Dataset) -> Iterator[str]:
    bounds = data.episode_bounds
    if bounds[0, 0] != 0 or bounds[-1, 1] != data.num_frames or (bounds[1:, 0] != bounds[:-1, 1]).any():
        yield "meta/episodes does not cover the frames one after another; episodes overlap or have gaps"
        return
    lengths = np.diff(bounds, axis=1)[:, 0]
    if (np.repeat(np.arange(len(bounds)), lengths) != data.episode_index).any():
        yield "episode_index disagrees with meta/episodes; files are out of order or belong to another dataset"
    if "length" in data.episodes.column_names and (data.episodes["length"].to_numpy() != lengths).any():
        yield "meta/episodes gives lengths that differ from its own from and to indices"
    expected = np.concatenate([np.arange(length) for length in lengths])
    if (expected != data.frame_index).any():
        yield "frame_index does not count 0, 1, 2, … within each episode; frames are missing or repeated"
    late = np.abs(data.column("timestamp") - expected / data.fps).max()
    if late > 0.1 / data.fps:
        yield f"timestamps leave the {data.fps} Hz grid by up to {late:.3f} s; fps is wrong or frames were dropped"
    if data.task_index.max() >= len(data.tasks) or data.task_index.min() < 0:
        yield f"frames use task {data.task_index.max()}; meta/tasks.parquet has {len(data.tasks)} tasks"


def _remarks(data: Dataset, name: str) -> Iterator[str]:
    for label, values in _channels(data, name):
        if np.ptp(values) == 0:
            yield f"{label} is {values[0]:g} in every frame; a policy learns nothing from it and its std is 0"


def _channel_problems(data: Dataset, name: str) -> Iterator[str]:
    stored = data.stats.get(name)
    if stored is None:
        yield f"meta/stats.json has no statistics of {name}"
    for channel, (label, values) in enumerate(_channels(data, name)):
        broken = int((~np.isfinite(values)).sum())
        if broken:
            yield f"{label} is not finite in {broken} of {len(values)} frames"
        elif stored is not None and "mean" in stored:
            off = abs(float(stored["mean"].reshape(-1)[channel]) - values.mean())
            if off > _STATS_TOLERANCE * max(values.std(), 1e-6):
                yield f"{label}: meta/stats.json has its mean off by {off:.3g}; it belongs to other data"


def _channels(data: Dataset, name: str) -> list[tuple[str, NDArray[np.float64]]]:
    """Each channel of a numeric feature: its name, and its values in all frames."""
    feature = data.features[name]
    values = data.column(name).reshape(data.num_frames, -1).astype(np.float64)
    names = feature.names if feature.names is not None and len(feature.names) == values.shape[1] else None
    return [(f"{name}[{names[index] if names else index}]", values[:, index]) for index in range(values.shape[1])]
