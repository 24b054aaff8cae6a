"""Reads a LeRobotDataset v3.0: metadata at once, columns and pictures when asked for."""

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retain.data import layout, pictures, tables
from retain.data.features import Feature, parse_feature
from retain.data.statistics import Statistics, from_json
from retain.data.video import read_frames
from retain.errors import DatasetError, require


class Dataset:
    """A dataset on disk. Opening it reads meta/ only; nothing is cached but the columns of numbers.

    Args:
        path: The directory that holds meta/, data/ and perhaps videos/.

    Attributes:
        path: As given.
        fps: Frames per second.
        robot_type: As written by the recorder.
        features: What each frame holds, bookkeeping columns included.
        num_episodes: E.
        num_frames: N, over all episodes.

    Raises:
        DatasetError: There is no dataset, it is of another version, or its files contradict its info.json.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        info = self._read_info()
        try:
            self.fps = int(info["fps"])
            self.num_frames = int(info["total_frames"])
            self.num_episodes = int(info["total_episodes"])
            self.features = {name: parse_feature(name, value) for name, value in info["features"].items()}
            self._data_path, self._video_path = str(info["data_path"]), info.get("video_path")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DatasetError(
                f"{self.path / layout.INFO_PATH} lacks or garbles {error}; record the dataset again"
            ) from error
        self.robot_type = str(info.get("robot_type"))
        self._columns: dict[str, NDArray[Any]] = {}

    @cached_property
    def tasks(self) -> list[str]:
        """The instruction of each task index."""
        table = self._read_table(self.path / layout.TASKS_PATH)
        # LeRobot up to 0.4 left the pandas index that holds the texts without a name.
        name = "task" if "task" in table.column_names else "__index_level_0__"
        if name not in table.column_names or "task_index" not in table.column_names:
            raise DatasetError(
                f"{self.path / layout.TASKS_PATH} has columns {table.column_names}; expected task, task_index"
            )
        by_index = dict(zip(table["task_index"].to_pylist(), table[name].to_pylist(), strict=True))
        if sorted(by_index) != list(range(len(by_index))):
            raise DatasetError(
                f"{self.path / layout.TASKS_PATH} numbers its tasks {sorted(by_index)}; expected 0, 1, 2, …"
            )
        return [str(by_index[index]) for index in range(len(by_index))]

    @cached_property
    def stats(self) -> dict[str, Statistics]:
        """meta/stats.json: per feature min, max, mean, std, count and quantiles."""
        try:
            return from_json(json.loads((self.path / layout.STATS_PATH).read_text(encoding="utf-8")))
        except (OSError, ValueError, AttributeError) as error:
            raise DatasetError(
                f"{self.path / layout.STATS_PATH} cannot be read ({error}); record the dataset again"
            ) from error

    @cached_property
    def episodes(self) -> Any:
        """meta/episodes without the per-episode statistics, a pyarrow table sorted by episode_index."""
        files = sorted((self.path / "meta/episodes").glob("*/*.parquet"))
        if not files:
            raise DatasetError(f"{self.path}/meta/episodes holds no parquet file; record the dataset again")
        names = [n for n in self._open_parquet(files[0]).schema_arrow.names if not n.startswith("stats/")]
        table = require("pyarrow", "data").concat_tables([self._read_table(file, names) for file in files])
        if table.num_rows != self.num_episodes:
            raise DatasetError(
                f"{self.path}/meta/episodes lists {table.num_rows} episodes; info.json says {self.num_episodes}"
            )
        return table.sort_by("episode_index")

    @cached_property
    def episode_bounds(self) -> NDArray[np.int64]:
        """int64 [E, 2]: episode e is frames bounds[e, 0] up to, not including, bounds[e, 1]."""
        columns = [self.episodes[name].to_numpy() for name in ("dataset_from_index", "dataset_to_index")]
        return np.stack(columns, axis=1).astype(np.int64)

    @cached_property
    def _data_files(self) -> list[tuple[Path, int]]:
        """Each data file with its number of rows, in order, from the files' footers."""
        chunks, files = (self.episodes[f"data/{name}_index"].to_pylist() for name in ("chunk", "file"))
        numbers = sorted(set(zip(chunks, files, strict=True)))
        paths = [self.path / self._data_path.format(chunk_index=c, file_index=f) for c, f in numbers]
        counted = [(path, self._open_parquet(path).metadata.num_rows) for path in paths]
        found = sum(rows for _, rows in counted)
        if found != self.num_frames:
            raise DatasetError(f"{self.path}/data holds {found} frames; info.json says {self.num_frames}")
        return counted

    def column(self, name: str) -> NDArray[Any]:
        """All frames of a numeric feature: [N] if it is a scalar, [N, *shape] otherwise. Read once, then kept.

        Raises:
            DatasetError: There is no such feature, it holds pictures, or a file is broken.
        """
        feature = self._feature(name)
        if feature.is_picture:
            raise DatasetError(f"{name} holds pictures; read them with images({name!r})")
        if name not in self._columns:
            parts = [self._read_table(path, [name])[name] for path, _ in self._data_files]
            self._columns[name] = np.concatenate([tables.numbers(part, name, feature) for part in parts])
        return self._columns[name]

    @property
    def episode_index(self) -> NDArray[np.int64]:
        """int64 [N]: the episode of each frame."""
        return self.column("episode_index")

    @property
    def frame_index(self) -> NDArray[np.int64]:
        """int64 [N]: the number of each frame within its episode."""
        return self.column("frame_index")

    @property
    def task_index(self) -> NDArray[np.int64]:
        """int64 [N]: the task of each frame, an index into `tasks`."""
        return self.column("task_index")

    @cached_property
    def task_texts(self) -> list[str]:
        """The instruction of each frame, N of them."""
        texts = self.tasks
        if self.task_index.size and (self.task_index.min() < 0 or self.task_index.max() >= len(texts)):
            raise DatasetError(
                f"a frame of {self.path} has task {self.task_index.max()}; meta/tasks.parquet has {len(texts)}"
            )
        return [texts[index] for index in self.task_index]

    def images(self, name: str, indices: Sequence[int] | NDArray[np.integer[Any]] | None = None) -> NDArray[np.uint8]:
        """Decoded pictures.

        Args:
            name: A feature of dtype image or video, such as observation.images.front.
            indices: Frames in any order, repeats allowed; None means all.

        Returns:
            uint8 [n, H, W, 3], RGB, in the order of `indices`.

        Raises:
            DatasetError: No such camera, an index out of range, or a file that is missing or broken.
        """
        feature = self._feature(name)
        if not feature.is_picture:
            raise DatasetError(f"{name} is {feature.dtype}, not pictures; read it with column({name!r})")
        wanted = np.arange(self.num_frames) if indices is None else np.asarray(indices, dtype=np.int64).reshape(-1)
        if wanted.size and (wanted.min() < 0 or wanted.max() >= self.num_frames):
            raise DatasetError(f"frame {wanted.max()} was asked for; {self.path} has {self.num_frames} frames")
        out = np.empty((len(wanted), *feature.shape), np.uint8)
        order = np.argsort(wanted, kind="stable")
        read = self._read_pngs if feature.dtype == "image" else self._read_videos
        read(name, wanted[order], order, out)
        return out

    def _read_pngs(self, name: str, frames: NDArray[np.int64], rows: NDArray[np.int64], out: NDArray[np.uint8]) -> None:
        """Decode increasing `frames` into out[rows], one row group in memory at a time."""
        start = 0
        for path, _ in self._data_files:
            file = self._open_parquet(path)
            for group in range(file.num_row_groups):
                stop = start + file.metadata.row_group(group).num_rows
                here = slice(*np.searchsorted(frames, [start, stop]))
                if here.start < here.stop:
                    files = self._read_row_group(file, group, name, path)
                    chosen = [files[int(frame) - start].as_py() for frame in frames[here]]
                    decoded = np.empty((len(chosen), *out.shape[1:]), np.uint8)
                    pictures.decode(chosen, decoded, f"{path}: {name}")
                    out[rows[here]] = decoded
                start = stop

    def _read_videos(
        self, name: str, frames: NDArray[np.int64], rows: NDArray[np.int64], out: NDArray[np.uint8]
    ) -> None:
        """Decode increasing `frames` into out[rows], each video file opened once."""
        if self._video_path is None or f"videos/{name}/chunk_index" not in self.episodes.column_names:
            raise DatasetError(f"{self.path} does not say where the videos of {name} are; record the dataset again")
        episode = np.searchsorted(self.episode_bounds[:, 0], frames, side="right") - 1
        where = {
            k: self.episodes[f"videos/{name}/{k}"].to_numpy() for k in ("chunk_index", "file_index", "from_timestamp")
        }
        number = np.rint(where["from_timestamp"][episode] * self.fps).astype(np.int64)
        number += frames - self.episode_bounds[episode, 0]
        placed = np.stack([where["chunk_index"][episode], where["file_index"][episode]], axis=1)
        for chunk, file in np.unique(placed, axis=0):
            here = np.flatnonzero((placed == (chunk, file)).all(axis=1))
            path = self.path / self._video_path.format(video_key=name, chunk_index=chunk, file_index=file)
            read_frames(path, number[here].tolist(), self.fps, out, rows[here])

    def _feature(self, name: str) -> Feature:
        if name not in self.features:
            raise DatasetError(f"{self.path} has no feature {name!r}; it has {', '.join(self.features)}")
        return self.features[name]

    def _read_info(self) -> dict[str, Any]:
        path = self.path / layout.INFO_PATH
        if not path.is_file():
            raise DatasetError(f"{self.path} is not a dataset: {layout.INFO_PATH} is missing")
        try:
            info: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            version = info.get("codebase_version")
        except (OSError, ValueError, AttributeError) as error:
            raise DatasetError(f"{path} is not a JSON object ({error}); record the dataset again") from error
        if version != layout.CODEBASE_VERSION:
            raise DatasetError(
                f"{self.path} is a LeRobotDataset {version}; expected {layout.CODEBASE_VERSION}, convert it with "
                "python -m lerobot.datasets.v30.convert_dataset_v21_to_v30"
            )
        return info

    @staticmethod
    def _open_parquet(path: Path) -> Any:
        pa, pq = require("pyarrow", "data"), require("pyarrow.parquet", "data")
        try:
            return pq.ParquetFile(path)
        except (OSError, pa.ArrowException) as error:
            raise DatasetError(f"{path} cannot be read ({error}); it is missing or truncated") from error

    def _read_table(self, path: Path, columns: list[str] | None = None) -> Any:
        pa = require("pyarrow", "data")
        file = self._open_parquet(path)
        lacking = set(columns or ()) - set(file.schema_arrow.names)
        if lacking:
            raise DatasetError(f"{path} lacks column {sorted(lacking)[0]!r}, which the dataset's metadata promise")
        try:
            return file.read(columns=columns)
        except (OSError, pa.ArrowException) as error:
            raise DatasetError(f"{path} cannot be read ({error}); it is damaged") from error

    @staticmethod
    def _read_row_group(file: Any, group: int, name: str, path: Path) -> Any:
        pa = require("pyarrow", "data")
        try:
            column = file.read_row_group(group, columns=[name])[name].combine_chunks()
        except (KeyError, OSError, pa.ArrowException) as error:
            raise DatasetError(f"{path}: pictures of {name} cannot be read ({error}); the file is damaged") from error
        return (column.chunk(0) if isinstance(column, pa.ChunkedArray) else column).field("bytes")
