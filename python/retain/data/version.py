"""The versions of LeRobotDataset behind one interface: where frames, pictures and texts of a dataset lie."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from retain.data import layout
from retain.data.statistics import Statistics
from retain.errors import DatasetError


@dataclass(frozen=True)
class VideoPlaces:
    """Where the episodes of one camera are.

    Attributes:
        paths: The video files.
        file: int64 [E], index into `paths`.
        first: int64 [E], number of the episode's first frame within its file.
    """

    paths: tuple[Path, ...]
    file: NDArray[np.int64]
    first: NDArray[np.int64]


class Version(Protocol):
    """What one version knows of a dataset on disk. All of it raises DatasetError with the file's name."""

    @property
    def tasks_path(self) -> Path:
        """Where the instructions are."""

    @property
    def stats_path(self) -> Path:
        """Where the statistics are."""

    def tasks(self) -> list[str]:
        """The instruction of each task index."""

    def stats(self) -> dict[str, Statistics]:
        """Per feature min, max, mean, std and count, and quantiles where the version has them."""

    def episode_bounds(self) -> NDArray[np.int64]:
        """int64 [E, 2]: episode e is frames bounds[e, 0] up to, not including, bounds[e, 1]."""

    def episode_lengths(self) -> NDArray[np.int64]:
        """int64 [E]: how many frames the metadata say that each episode has."""

    def data_paths(self) -> list[Path]:
        """The files with the frames, in order."""

    def video_places(self, name: str) -> VideoPlaces:
        """Where the episodes of a camera are."""


def read_info(path: Path) -> dict[str, Any]:
    """A dataset's meta/info.json.

    Raises:
        DatasetError: It is missing or not a JSON object.
    """
    file = path / layout.INFO_PATH
    if not file.is_file():
        raise DatasetError(f"{path} is not a dataset: {layout.INFO_PATH} is missing")
    try:
        info = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DatasetError(f"{file} is not a JSON object ({error}); record the dataset again") from error
    if not isinstance(info, dict):
        raise DatasetError(f"{file} is not a JSON object; record the dataset again")
    return info


def open_version(path: Path, info: Mapping[str, Any]) -> Version:
    """The version that info.json names.

    Raises:
        DatasetError: It is none of those that are read here, or info.json lacks what it needs.
    """
    from retain.data.version_21 import Version21
    from retain.data.version_30 import Version30

    kinds: dict[str, Callable[[Path, Mapping[str, Any]], Version]] = {
        "v3.0": Version30,
        "v2.1": Version21,
        "v2.0": Version21,
    }
    name = info.get("codebase_version")
    if not isinstance(name, str) or name not in kinds:
        raise DatasetError(
            f"{path} is a LeRobotDataset {name}; those that are read are {', '.join(kinds)}: convert it with LeRobot's"
            " own scripts (lerobot/datasets)"
        )
    try:
        return kinds[name](path, info)
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise DatasetError(f"{path / layout.INFO_PATH} lacks or garbles {error}; record the dataset again") from error
