"""LeRobotDataset v3.0: many episodes in a file, metadata in parquet."""

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retain.data import layout
from retain.data.parquet import open_parquet, read_table
from retain.data.statistics import Statistics, from_json
from retain.data.version import VideoPlaces
from retain.errors import DatasetError, require


class Version30:
    """See `Version`.

    Args:
        path: The directory that holds meta/.
        info: Its info.json.
    """

    def __init__(self, path: Path, info: Mapping[str, Any]) -> None:
        self._path = path
        self._fps = float(info["fps"])
        self._episodes = int(info["total_episodes"])
        self._data_path, self._video_path = str(info["data_path"]), info.get("video_path")
        self._data_path.format(chunk_index=0, file_index=0)
        if self._video_path is not None:
            str(self._video_path).format(video_key="", chunk_index=0, file_index=0)
        self.tasks_path = path / layout.TASKS_PATH
        self.stats_path = path / layout.STATS_PATH

    def tasks(self) -> list[str]:
        """See `Version.tasks`."""
        table = read_table(self.tasks_path)
        # LeRobot up to 0.4 left the pandas index that holds the texts without a name.
        name = "task" if "task" in table.column_names else "__index_level_0__"
        if name not in table.column_names or "task_index" not in table.column_names:
            raise DatasetError(f"{self.tasks_path} has columns {table.column_names}; expected task, task_index")
        try:
            by_index = {
                int(i): str(text)
                for i, text in zip(table["task_index"].to_pylist(), table[name].to_pylist(), strict=True)
            }
        except (TypeError, ValueError) as error:
            raise DatasetError(f"{self.tasks_path} is garbled ({error}); record the dataset again") from error
        if sorted(by_index) != list(range(len(by_index))):
            raise DatasetError(f"{self.tasks_path} numbers its tasks {sorted(by_index)}; expected 0, 1, 2, …")
        return [by_index[index] for index in range(len(by_index))]

    def stats(self) -> dict[str, Statistics]:
        """See `Version.stats`."""
        try:
            return from_json(json.loads(self.stats_path.read_text(encoding="utf-8")))
        except (OSError, ValueError, AttributeError) as error:
            raise DatasetError(f"{self.stats_path} cannot be read ({error}); record the dataset again") from error

    @cached_property
    def _table(self) -> Any:
        """meta/episodes without the per-episode statistics, sorted by episode_index."""
        files = sorted((self._path / "meta/episodes").glob("*/*.parquet"))
        if not files:
            raise DatasetError(f"{self._path}/meta/episodes holds no parquet file; record the dataset again")
        names = [n for n in open_parquet(files[0]).schema_arrow.names if not n.startswith("stats/")]
        pa = require("pyarrow", "data")
        try:
            table = pa.concat_tables([read_table(file, names) for file in files])
        except pa.ArrowException as error:
            raise DatasetError(f"{self._path}/meta/episodes has files of different columns ({error})") from error
        if table.num_rows != self._episodes:
            raise DatasetError(
                f"{self._path}/meta/episodes lists {table.num_rows} episodes; info.json says {self._episodes}"
            )
        return table.sort_by("episode_index")

    def _column(self, name: str) -> NDArray[Any]:
        if name not in self._table.column_names:
            raise DatasetError(f"{self._path}/meta/episodes lacks column {name!r}; record the dataset again")
        values: NDArray[Any] = self._table[name].to_numpy()
        if values.dtype.kind not in "iuf" or not np.isfinite(values).all():
            raise DatasetError(f"{self._path}/meta/episodes holds no numbers as {name}; record the dataset again")
        return values

    def episode_bounds(self) -> NDArray[np.int64]:
        """See `Version.episode_bounds`."""
        columns = [self._column(name) for name in ("dataset_from_index", "dataset_to_index")]
        return np.stack(columns, axis=1).astype(np.int64)

    def episode_lengths(self) -> NDArray[np.int64]:
        """See `Version.episode_lengths`."""
        if "length" in self._table.column_names:
            return self._column("length").astype(np.int64)
        lengths: NDArray[np.int64] = np.diff(self.episode_bounds(), axis=1)[:, 0]
        return lengths

    def data_paths(self) -> list[Path]:
        """See `Version.data_paths`."""
        chunks, files = (self._column(f"data/{name}_index").astype(np.int64).tolist() for name in ("chunk", "file"))
        numbers = sorted(set(zip(chunks, files, strict=True)))
        return [self._path / self._data_path.format(chunk_index=c, file_index=f) for c, f in numbers]

    def video_places(self, name: str) -> VideoPlaces:
        """See `Version.video_places`."""
        if self._video_path is None or f"videos/{name}/chunk_index" not in self._table.column_names:
            raise DatasetError(f"{self._path} does not say where the videos of {name} are; record the dataset again")
        chunk, file, start = (
            self._column(f"videos/{name}/{key}") for key in ("chunk_index", "file_index", "from_timestamp")
        )
        placed, which = np.unique(np.stack([chunk, file], axis=1).astype(np.int64), axis=0, return_inverse=True)
        return VideoPlaces(
            paths=tuple(
                self._path / str(self._video_path).format(video_key=name, chunk_index=c, file_index=f)
                for c, f in placed.tolist()
            ),
            file=which.reshape(-1).astype(np.int64),
            first=np.rint(start * self._fps).astype(np.int64),
        )
