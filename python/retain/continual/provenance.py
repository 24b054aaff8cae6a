"""What a line records of policies and datasets, and the check that they are still the same.

Paths inside the line's directory are recorded relative to it, so that the directory can be moved.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from retain.checkpoint import open_checkpoint, sha256_files
from retain.data import Dataset
from retain.errors import CheckpointError, ContinualError, DatasetError
from retain.merge.report import EndReport
from retain.merge.stream import threads_or_all
from retain.policy import BASE_NAME, resolve


@dataclass(frozen=True)
class Data:
    """A dataset.

    Attributes:
        path: Where it was.
        sha256: Over the names and contents of all its files.
        episodes: How many it has.
    """

    path: str
    sha256: str
    episodes: int


def recorded_path(path: Path, root: Path) -> str:
    """A path as a line records it."""
    place = path.resolve()
    return str(place.relative_to(root.resolve())) if place.is_relative_to(root.resolve()) else str(place)


def place_of(recorded: str, root: Path) -> Path:
    """Where a recorded path is now."""
    return resolve(BASE_NAME) if recorded == BASE_NAME else root.resolve() / recorded


def record_policy(policy: str | Path, root: Path, threads: int | None = None) -> EndReport:
    """A policy's path and weight files, with their hashes.

    Raises:
        CheckpointError: It cannot be read.
    """
    named = str(policy) == BASE_NAME
    checkpoint = open_checkpoint(resolve(BASE_NAME) if named else Path(policy))
    digests = sha256_files([header.file for header in checkpoint.headers], threads_or_all(threads))
    files = {file.name: {"bytes": file.stat().st_size, "sha256": digest} for file, digest in digests.items()}
    return EndReport(BASE_NAME if named else recorded_path(Path(policy), root), checkpoint.kind, files)


def same_weights(one: EndReport, other: EndReport) -> bool:
    """Whether two policies have the same bytes in their weight files."""
    first, second = (sorted(file["sha256"] for file in end.files.values()) for end in (one, other))
    return first == second


def check_policy(end: EndReport, root: Path, threads: int | None = None) -> Path:
    """Make sure that a recorded policy is there and has the bytes it had.

    Returns:
        Where it is.

    Raises:
        ContinualError: It is gone, or another.
    """
    place = place_of(end.path, root)
    try:
        found = record_policy(place, root, threads)
    except CheckpointError as error:
        raise ContinualError(f"a policy of the line cannot be read ({error}); put it, or a link, back there") from error
    check_same(end, found, place)
    return place


def check_same(recorded: EndReport, found: EndReport, place: Path) -> None:
    """Refuse a policy that is not the one that was recorded.

    Raises:
        ContinualError: It is not.
    """
    if not same_weights(recorded, found):
        raise ContinualError(f"{place} was changed since the line recorded it: its SHA-256 is another; put it back")


def record_data(path: Path, root: Path, threads: int | None = None) -> Data:
    """A dataset's path, hash and size.

    Raises:
        DatasetError: It is none.
    """
    episodes = Dataset(path).num_episodes
    files = sorted(file for file in path.rglob("*") if file.is_file())
    digests = sha256_files(files, threads_or_all(threads))
    whole = hashlib.sha256()
    for file in files:
        whole.update(f"{file.relative_to(path).as_posix()}\0{digests[file]}\n".encode())
    return Data(recorded_path(path, root), whole.hexdigest(), episodes)


def check_data(data: Data, root: Path, threads: int | None = None) -> Path:
    """Make sure that a recorded dataset is there and has the bytes it had.

    Returns:
        Where it is.

    Raises:
        ContinualError: It is gone, or another.
    """
    place = place_of(data.path, root)
    try:
        found = record_data(place, root, threads)
    except DatasetError as error:
        raise ContinualError(
            f"a dataset of the line cannot be read ({error}); put it, or a link, back there"
        ) from error
    if found.sha256 != data.sha256:
        raise ContinualError(f"{place} was changed since the line recorded it: its SHA-256 is another; put it back")
    return place
