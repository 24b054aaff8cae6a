"""LeRobotDataset v2.1 and v2.0: one file per episode, metadata in JSON lines. What openpi and GR00T consume."""

import json
from collections.abc import Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retain.data import layout
from retain.data.statistics import Statistics, combine, from_json
from retain.data.version import VideoPlaces
from retain.errors import DatasetError

TASKS_PATH = "meta/tasks.jsonl"
EPISODES_PATH = "meta/episodes.jsonl"
EPISODES_STATS_PATH = "meta/episodes_stats.jsonl"
"""v2.1 has each episode's statistics there, v2.0 has stats.json instead."""
DATA_PATH = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
VIDEO_PATH = "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4"


class Version21:
    """See `Version`.

    Args:
        path: The directory that holds meta/.
        info: Its info.json.
    """

    def __init__(self, path: Path, info: Mapping[str, Any]) -> None:
        self._path = path
        self._episodes = int(info["total_episodes"])
        self._per_chunk = int(info.get("chunks_size", layout.FILES_PER_CHUNK))
        self._data_path, self._video_path = str(info["data_path"]), info.get("video_path")
        if self._per_chunk < 1:
            raise ValueError(f"chunks_size, which is {self._per_chunk},")
        self._data_path.format(episode_chunk=0, episode_index=0)
        if self._video_path is not None:
            str(self._video_path).format(video_key="", episode_chunk=0, episode_index=0)
        self.tasks_path = path / TASKS_PATH
        per_episode = path / EPISODES_STATS_PATH
        self.stats_path = per_episode if per_episode.exists() else path / layout.STATS_PATH

    def tasks(self) -> list[str]:
        """See `Version.tasks`."""
        by_index = {
            self._whole(TASKS_PATH, row["task_index"]): str(row["task"])
            for row in self._rows(TASKS_PATH, "task_index", "task")
        }
        if sorted(by_index) != list(range(len(by_index))):
            raise DatasetError(f"{self.tasks_path} numbers its tasks {sorted(by_index)}; expected 0, 1, 2, …")
        return [by_index[index] for index in range(len(by_index))]

    def stats(self) -> dict[str, Statistics]:
        """See `Version.stats`: those of the episodes combined, without quantiles, which do not combine."""
        if self.stats_path.name == Path(EPISODES_STATS_PATH).name:
            rows = self._rows(EPISODES_STATS_PATH, "stats")
            try:
                return combine([from_json(row["stats"]) for row in rows])
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise DatasetError(f"{self.stats_path} is garbled ({error}); record the dataset again") from error
        try:
            return from_json(json.loads(self.stats_path.read_text(encoding="utf-8")))
        except (OSError, ValueError, AttributeError) as error:
            raise DatasetError(f"{self.stats_path} cannot be read ({error}); record the dataset again") from error

    @cached_property
    def _lengths(self) -> NDArray[np.int64]:
        whole = partial(self._whole, EPISODES_PATH)
        rows = self._rows(EPISODES_PATH, "episode_index", "length")
        lengths = {whole(row["episode_index"]): whole(row["length"]) for row in rows}
        if len(lengths) != self._episodes or sorted(lengths) != list(range(len(lengths))):
            raise DatasetError(
                f"{self._path / EPISODES_PATH} lists {len(lengths)} episodes; info.json says {self._episodes},"
                " numbered from 0"
            )
        return np.array([lengths[episode] for episode in range(len(lengths))], dtype=np.int64)

    def episode_bounds(self) -> NDArray[np.int64]:
        """See `Version.episode_bounds`."""
        ends = np.cumsum(self._lengths)
        return np.stack([ends - self._lengths, ends], axis=1)

    def episode_lengths(self) -> NDArray[np.int64]:
        """See `Version.episode_lengths`."""
        return self._lengths

    def data_paths(self) -> list[Path]:
        """See `Version.data_paths`."""
        return [self._file(self._data_path, episode) for episode in range(len(self._lengths))]

    def video_places(self, name: str) -> VideoPlaces:
        """See `Version.video_places`."""
        if self._video_path is None:
            raise DatasetError(f"{self._path} does not say where the videos of {name} are; record the dataset again")
        episodes = np.arange(len(self._lengths))
        paths = tuple(
            self._file(str(self._video_path), episode, video_key=name) for episode in range(len(self._lengths))
        )
        return VideoPlaces(paths, episodes, np.zeros_like(episodes))

    def _file(self, template: str, episode: int, **more: str) -> Path:
        return self._path / template.format(episode_chunk=episode // self._per_chunk, episode_index=episode, **more)

    def _rows(self, name: str, *keys: str) -> list[dict[str, Any]]:
        """A file of JSON lines, each with these keys."""
        path = self._path / name
        try:
            rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        except (OSError, ValueError) as error:
            raise DatasetError(f"{path} cannot be read ({error}); record the dataset again") from error
        for number, row in enumerate(rows, 1):
            lacking = [key for key in keys if not isinstance(row, dict) or key not in row]
            if lacking:
                raise DatasetError(f"{path} has no {lacking[0]} in line {number}; record the dataset again")
        return rows

    def _whole(self, name: str, value: Any) -> int:
        """A number that counts."""
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 40:
            raise DatasetError(
                f"{self._path / name} holds {value!r} where a count should stand; record the dataset again"
            )
        return value
