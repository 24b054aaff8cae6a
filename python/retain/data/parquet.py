"""Parquet files opened and read, with errors that name the file and say what happened to it."""

from pathlib import Path
from typing import Any

from retain.errors import DatasetError, require


def open_parquet(path: Path) -> Any:
    """A pyarrow ParquetFile: its footer is read, its columns are not.

    Raises:
        DatasetError: The file is missing or has no footer, as when its writer was killed.
    """
    pa, pq = require("pyarrow", "data"), require("pyarrow.parquet", "data")
    try:
        file = pq.ParquetFile(path)
        file.schema_arrow.names  # noqa: B018 (names that are no text show here)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DatasetError(f"{path} cannot be read ({_line(error)}); it is missing or truncated") from error
    return file


def read_table(path: Path, columns: list[str] | None = None) -> Any:
    """Some columns of a file, or all, as a pyarrow table.

    Raises:
        DatasetError: The file is missing or damaged, or lacks a column.
    """
    pa = require("pyarrow", "data")
    file = open_parquet(path)
    lacking = set(columns or ()) - set(file.schema_arrow.names)
    if lacking:
        raise DatasetError(f"{path} lacks column {sorted(lacking)[0]!r}, which the dataset's metadata promise")
    try:
        return file.read(columns=columns)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DatasetError(f"{path} cannot be read ({_line(error)}); it is damaged") from error


def read_picture_files(file: Any, group: int, name: str, path: Path) -> Any:
    """The encoded pictures of one row group, a pyarrow array of bytes.

    Raises:
        DatasetError: They cannot be read.
    """
    pa = require("pyarrow", "data")
    try:
        column = file.read_row_group(group, columns=[name])[name].combine_chunks()
    except (KeyError, OSError, ValueError, pa.ArrowException) as error:
        raise DatasetError(
            f"{path}: pictures of {name} cannot be read ({_line(error)}); the file is damaged"
        ) from error
    return (column.chunk(0) if isinstance(column, pa.ChunkedArray) else column).field("bytes")


def _line(error: Exception) -> str:
    """The library's message on one line."""
    return " ".join(str(error).split())
