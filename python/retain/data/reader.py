"""Reads a LeRobotDataset, v3.0 or v2: metadata at once, columns and pictures when asked for."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retain.data import layout, pictures, tables
from retain.data.features import Feature, parse_feature
from retain.data.parquet import open_parquet, read_picture_files, read_table
from retain.data.statistics import Statistics
from retain.data.version import Version, VideoPlaces, open_version, read_info
from retain.data.video import read_frames
from retain.errors import DatasetError


class Dataset:
    """A dataset on disk. Opening it reads meta/ only; nothing is cached but the columns of numbers.

    Args:
        path: The directory that holds meta/, data/ and perhaps videos/.

    Attributes:
        path: As given.
        version: What info.json calls it, such as "v3.0".
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
        info = read_info(self.path)
        self._version = open_version(self.path, info)
        self.version = str(info["codebase_version"])
        try:
            self.fps = int(info["fps"])
            if self.fps != info["fps"] or self.fps < 1:
                raise ValueError(f"fps, which is {info['fps']!r} and no whole number,")
            self.num_frames = int(info["total_frames"])
            self.num_episodes = int(info["total_episodes"])
            self.features = {name: parse_feature(name, value) for name, value in info["features"].items()}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DatasetError(
                f"{self.path / layout.INFO_PATH} lacks or garbles {error}; record the dataset again"
            ) from error
        self.robot_type = str(info.get("robot_type"))
        self._columns: dict[str, NDArray[Any]] = {}
        self._places: dict[str, VideoPlaces] = {}

    @cached_property
    def tasks(self) -> list[str]:
        """The instruction of each task index."""
        return self._version.tasks()

    @cached_property
    def stats(self) -> dict[str, Statistics]:
        """What the metadata have: per feature min, max, mean, std, count, and in v3.0 quantiles."""
        return self._version.stats()

    @property
    def where(self) -> Version:
        """Which file holds what."""
        return self._version

    @cached_property
    def episode_bounds(self) -> NDArray[np.int64]:
        """int64 [E, 2]: episode e is frames bounds[e, 0] up to, not including, bounds[e, 1]."""
        return self._version.episode_bounds()

    @cached_property
    def _data_files(self) -> list[tuple[Path, int]]:
        """Each data file with its number of rows, in order, from the files' footers."""
        counted = [(path, open_parquet(path).metadata.num_rows) for path in self._version.data_paths()]
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
            parts = [read_table(path, [name])[name] for path, _ in self._data_files]
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
                f"a frame of {self.path} has task {self.task_index.max()}; {self.where.tasks_path} has {len(texts)}"
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
        for path, rows_there in self._data_files:
            end = start + rows_there
            if np.diff(np.searchsorted(frames, [start, end])):
                file = open_parquet(path)
                for group in range(file.num_row_groups):
                    stop = start + file.metadata.row_group(group).num_rows
                    here = slice(*np.searchsorted(frames, [start, stop]))
                    if here.start < here.stop:
                        files = read_picture_files(file, group, name, path)
                        chosen = [files[int(frame) - start].as_py() for frame in frames[here]]
                        decoded = np.empty((len(chosen), *out.shape[1:]), np.uint8)
                        pictures.decode(chosen, decoded, f"{path}: {name}")
                        out[rows[here]] = decoded
                    start = stop
            start = end

    def _read_videos(
        self, name: str, frames: NDArray[np.int64], rows: NDArray[np.int64], out: NDArray[np.uint8]
    ) -> None:
        """Decode increasing `frames` into out[rows], each video file opened once."""
        episode = np.searchsorted(self.episode_bounds[:, 0], frames, side="right") - 1
        if name not in self._places:
            self._places[name] = self._version.video_places(name)
        places = self._places[name]
        number = places.first[episode] + frames - self.episode_bounds[episode, 0]
        for file in np.unique(places.file[episode]):
            here = np.flatnonzero(places.file[episode] == file)
            read_frames(places.paths[file], number[here].tolist(), self.fps, out, rows[here])

    def _feature(self, name: str) -> Feature:
        if name not in self.features:
            raise DatasetError(f"{self.path} has no feature {name!r}; it has {', '.join(self.features)}")
        return self.features[name]
