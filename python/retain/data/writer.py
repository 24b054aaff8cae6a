"""Writes a LeRobotDataset v3.0. Until close() the dataset does not exist; a writer that is killed leaves none."""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retain.data import layout, pictures, tables
from retain.data.features import BOOKKEEPING, Feature, check_frames, check_writable, parse_feature
from retain.data.staging import Staging, told_of_the_disk
from retain.data.statistics import Accumulator, Statistics, as_json
from retain.data.video import VideoTrack, choose_encoder
from retain.errors import DatasetError, require

_MB = 1 << 20
_ROW_GROUP_BYTES = 16 * _MB


class DatasetWriter:
    """Collects episodes and turns them into a dataset when closed.

    Everything is written beside `path` into a hidden directory which close() renames into place, so that nothing
    half-written can be mistaken for a dataset. Used as a context manager, an exception discards what was written.

    Args:
        path: Directory to create.
        fps: Frames per second, the same for every episode.
        robot_type: Goes to info.json.
        features: Per column a `Feature` or a LeRobot feature dictionary {"dtype", "shape", "names"}.
        overwrite: Replace a dataset that is already there.
        video_codec: "h264" or "av1" for features of dtype video; None takes the first that PyAV can encode.
        data_file_mb: A parquet file is not begun anew before it holds this much [MiB].
        video_file_mb: The same for videos.

    Raises:
        DatasetError: The path exists, or a feature cannot be stored.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        fps: int,
        robot_type: str,
        features: Mapping[str, Feature | Mapping[str, Any]],
        overwrite: bool = False,
        video_codec: str | None = None,
        data_file_mb: float = layout.DATA_FILE_MB,
        video_file_mb: float = layout.VIDEO_FILE_MB,
    ) -> None:
        self._pq = require("pyarrow.parquet", "data")
        if not isinstance(fps, int) or fps <= 0:
            raise DatasetError(f"fps is {fps!r}; expected a whole number of frames per second, as LeRobot stores it")
        if not features:
            raise DatasetError("a dataset needs at least one feature, such as observation.state or action")
        self.path = Path(path)
        self.features = {name: parse_feature(name, value) for name, value in features.items()}
        for name, feature in self.features.items():
            check_writable(name, feature)
        self._fps, self._robot_type, self._overwrite = fps, robot_type, overwrite
        self._data_file_mb, self._video_file_mb = data_file_mb, video_file_mb
        cameras = {name: feature for name, feature in self.features.items() if feature.dtype == "video"}
        encoder = choose_encoder(video_codec) if cameras else None
        self._refuse_existing()
        self._accumulators = {name: Accumulator(f.is_picture) for name, f in (self.features | BOOKKEEPING).items()}
        self._tasks: dict[str, int] = {}
        self._episodes: list[dict[str, Any]] = []
        self._frames = 0
        self._schema = tables.schema(self.features)
        self._pending: list[Any] = []
        self._pending_bytes = 0
        self._data_file: Any = None
        self._data_files = 0
        self._file_bytes = 0
        self._staging = Staging(self.path)
        self._directory = self._staging.directory
        self._videos = {
            name: VideoTrack(self._directory, name, fps, feature.shape[:2], encoder=encoder, file_mb=video_file_mb)
            for name, feature in cameras.items()
            if encoder is not None
        }

    def add_episode(self, task: str, frames: Mapping[str, Any]) -> int:
        """Append one episode.

        Args:
            task: The instruction in words.
            frames: Per feature [T, *shape]; pictures uint8 RGB.

        Returns:
            The episode's index.

        Raises:
            DatasetError: A feature is missing, unknown, of the wrong shape or length, or not finite. The dataset is
                as it was before the call. Or the disk is full.
        """
        with told_of_the_disk(self.path):
            return self._add(task, frames)

    def _add(self, task: str, frames: Mapping[str, Any]) -> int:
        if not task.strip():
            raise DatasetError("an episode needs its task in words, such as 'lift the red block'")
        if set(frames) != set(self.features):
            unequal = sorted(set(frames) ^ set(self.features))
            raise DatasetError(f"the episode and the dataset's features differ in {', '.join(unequal)}")
        checked = {name: check_frames(name, feature, frames[name]) for name, feature in self.features.items()}
        lengths = {name: len(values) for name, values in checked.items()}
        length = next(iter(lengths.values()))
        if length == 0 or set(lengths.values()) != {length}:
            raise DatasetError(f"features have {lengths} frames; expected the same number, at least 1, in each")
        episode = len(self._episodes)
        columns = checked | self._bookkeeping(episode, length, self._tasks.setdefault(task, len(self._tasks)))
        row = {"episode_index": episode, "tasks": [task], "length": length}
        row |= self._write_rows({name: v for name, v in columns.items() if name not in self._videos}, length)
        for name, video in self._videos.items():
            row |= video.add(checked[name])
        for name, values in columns.items():
            for statistic, value in self._accumulators[name].add(values).items():
                row[f"stats/{name}/{statistic}"] = value.tolist()
        row |= {"meta/episodes/chunk_index": 0, "meta/episodes/file_index": 0}
        self._episodes.append(row)
        self._frames += length
        return episode

    def close(self) -> None:
        """Finish all files and rename the dataset into place.

        Raises:
            DatasetError: There are no episodes, the path came into being meanwhile, or the disk is full.
        """
        if not self._episodes:
            self.discard()
            raise DatasetError(f"{self.path} would be a dataset without episodes; nothing was written")
        with told_of_the_disk(self.path):
            try:
                self._close_data_file()
                for video in self._videos.values():
                    video.close()
                self._write_meta({name: accumulator.total() for name, accumulator in self._accumulators.items()})
                self._refuse_existing()
            except BaseException:
                self.discard()
                raise
            self._staging.commit()

    def discard(self) -> None:
        """Throw away everything written so far."""
        with contextlib.suppress(OSError):  # a full disk, on which what is thrown away cannot be finished either
            if self._data_file is not None:
                self._data_file.close()
            for video in self._videos.values():
                video.close()
        self._staging.discard()

    def __enter__(self) -> "DatasetWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def _refuse_existing(self) -> None:
        if not self.path.exists():
            return
        if not self._overwrite:
            raise DatasetError(f"{self.path} exists; choose another path, or pass overwrite (--force) to replace it")
        if not self.path.is_dir() or (any(self.path.iterdir()) and not (self.path / layout.INFO_PATH).is_file()):
            raise DatasetError(f"{self.path} exists and is not a dataset; it is left alone, choose another path")

    def _bookkeeping(self, episode: int, length: int, task: int) -> dict[str, NDArray[Any]]:
        number = np.arange(length, dtype=np.int64)[:, None]
        return {
            "timestamp": (number / self._fps).astype(np.float32),
            "frame_index": number,
            "episode_index": np.full_like(number, episode),
            "index": number + self._frames,
            "task_index": np.full_like(number, task),
        }

    def _write_rows(self, columns: dict[str, NDArray[Any]], length: int) -> dict[str, int]:
        encoded = {name: pictures.encode(v) if self._is_image(name) else v for name, v in columns.items()}
        batch = tables.episode_batch(encoded, self._schema)
        if self._data_file is not None and self._file_bytes + batch.nbytes > self._data_file_mb * _MB:
            self._close_data_file()
        if self._data_file is None:
            chunk, file = layout.chunk_and_file(self._data_files)
            path = self._directory / layout.DATA_PATH.format(chunk_index=chunk, file_index=file)
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = [name for name in self.features if self._is_image(name)]
            plain = [name for name in self._schema.names if name not in pixels]
            compression = dict.fromkeys(plain, "snappy") | dict.fromkeys((f"{name}.bytes" for name in pixels), "none")
            self._data_file = self._pq.ParquetWriter(
                path, self._schema, compression=compression, use_dictionary=plain, write_statistics=plain
            )
            self._data_files += 1
        self._pending.append(batch)
        self._pending_bytes += batch.nbytes
        self._file_bytes += batch.nbytes
        if self._pending_bytes > _ROW_GROUP_BYTES:
            self._flush()
        chunk, file = layout.chunk_and_file(self._data_files - 1)
        return {
            "data/chunk_index": chunk,
            "data/file_index": file,
            "dataset_from_index": self._frames,
            "dataset_to_index": self._frames + length,
        }

    def _is_image(self, name: str) -> bool:
        return name in self.features and self.features[name].dtype == "image"

    def _flush(self) -> None:
        if self._pending:
            self._data_file.write_table(tables.concatenate(self._pending))
            self._pending, self._pending_bytes = [], 0

    def _close_data_file(self) -> None:
        self._flush()
        self._data_file.close()
        self._data_file, self._file_bytes = None, 0

    def _write_meta(self, statistics: dict[str, Statistics]) -> None:
        features = {name: feature.as_json() for name, feature in self.features.items()}
        for name, video in self._videos.items():
            features[name]["info"] = video.info()
        features |= {name: feature.as_json() for name, feature in BOOKKEEPING.items()}
        info = {
            "codebase_version": layout.CODEBASE_VERSION,
            "robot_type": self._robot_type,
            "total_episodes": len(self._episodes),
            "total_frames": self._frames,
            "total_tasks": len(self._tasks),
            "chunks_size": layout.FILES_PER_CHUNK,
            "data_files_size_in_mb": self._data_file_mb,
            "video_files_size_in_mb": self._video_file_mb,
            "fps": self._fps,
            "splits": {"train": f"0:{len(self._episodes)}"},
            "data_path": layout.DATA_PATH,
            "video_path": layout.VIDEO_PATH if self._videos else None,
            "features": features,
        }
        episodes = self._directory / layout.EPISODES_PATH.format(chunk_index=0, file_index=0)
        episodes.parent.mkdir(parents=True)
        self._pq.write_table(tables.episodes_table(self._episodes), episodes)
        self._pq.write_table(tables.tasks_table(self._tasks), self._directory / layout.TASKS_PATH)
        _write_json(self._directory / layout.STATS_PATH, as_json(statistics))
        _write_json(self._directory / layout.INFO_PATH, info)


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=4, ensure_ascii=False), encoding="utf-8")
