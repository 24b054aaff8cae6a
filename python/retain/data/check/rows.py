"""Reads the numbers of a dataset file by file, so that one broken file does not hide the rest."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retain.data import tables
from retain.data.check.finding import Finding
from retain.data.features import BOOKKEEPING, Feature
from retain.data.parquet import read_table
from retain.data.reader import Dataset
from retain.errors import DatasetError

FETCH_AGAIN = "copy or download the file again, or record the episode anew"


@dataclass(frozen=True)
class Rows:
    """The frames that could be read, N of them.

    Attributes:
        columns: Per numeric feature, bookkeeping included: [N] for scalars, [N, *shape] otherwise.
        whole: Whether every file could be read and holds the number of frames that info.json says.
    """

    columns: dict[str, NDArray[Any]]
    whole: bool

    def __len__(self) -> int:
        return len(self.columns["episode_index"])

    def place(self, row: int) -> tuple[int, int]:
        """Episode and frame number of a row, as the frames themselves say."""
        return int(self.columns["episode_index"][row]), int(self.columns["frame_index"][row])

    def same_episode(self) -> NDArray[np.bool_]:
        """Whether row i + 1 follows row i in one episode, bool [N - 1]."""
        episode, frame = self.columns["episode_index"], self.columns["frame_index"]
        follows: NDArray[np.bool_] = (episode[1:] == episode[:-1]) & (frame[1:] == frame[:-1] + 1)
        return follows


def read_rows(data: Dataset) -> tuple[Rows, list[Finding]]:
    """All numbers of all files that can be read, and a finding for each that cannot.

    Raises:
        DatasetError: The metadata do not say where the files are.
    """
    numeric = {name: feature for name, feature in data.features.items() if is_numeric(feature)}
    numeric |= BOOKKEEPING
    read = [_read(data.path, path, numeric) for path in data.where.data_paths()]
    findings = [part for part in read if isinstance(part, Finding)]
    parts = [part for part in read if not isinstance(part, Finding)]
    columns = {
        name: np.concatenate([part[name] for part in parts]) if parts else np.empty((0, *_shape(feature)))
        for name, feature in numeric.items()
    }
    found = len(columns["episode_index"])
    if not findings and found != data.num_frames:
        findings.append(
            Finding(
                "broken",
                "file",
                f"{data.path}/data holds {found} frames; info.json says {data.num_frames}",
                "copy or download the dataset again, or correct total_frames",
            )
        )
    return Rows(columns, not findings), findings


def channels(rows: Rows, name: str, feature: Feature) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Each channel of a numeric feature: its name, such as `action[elbow]`, and its values in all rows."""
    values = rows.columns[name].reshape(len(rows), int(np.prod(feature.shape))).astype(np.float64)
    names = feature.names if feature.names is not None and len(feature.names) == values.shape[1] else None
    for index in range(values.shape[1]):
        yield f"{name}[{names[index] if names else index}]", values[:, index]


def is_numeric(feature: Feature) -> bool:
    """Whether a feature is neither a picture nor a text."""
    return not feature.is_picture and feature.dtype != "string"


def _shape(feature: Feature) -> tuple[int, ...]:
    return () if feature.shape == (1,) else feature.shape


def _read(root: Path, path: Path, features: Mapping[str, Feature]) -> dict[str, NDArray[Any]] | Finding:
    """The numbers of one file, or what is wrong with it."""
    try:
        table = read_table(path, list(features))
        return {name: tables.numbers(table[name], name, feature) for name, feature in features.items()}
    except DatasetError as error:
        message = str(error) if str(path) in str(error) else f"{path}: {error}"
        return Finding("broken", "file", message, FETCH_AGAIN, file=str(path.relative_to(root)))
