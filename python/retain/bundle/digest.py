"""What a file is: its size and SHA-256."""

import hashlib
from pathlib import Path

from retain.bundle.contents import FileRecord

_BLOCK_BYTES = 1 << 20


def record(path: Path) -> FileRecord:
    """Read a file once and say what it is."""
    digest, count = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
            count += len(block)
    return FileRecord(sha256=digest.hexdigest(), bytes=count)


def record_files(directory: Path, *, exclude: frozenset[str] = frozenset()) -> dict[str, FileRecord]:
    """Records of all files under a directory, by relative path with forward slashes, in sorted order.

    Args:
        directory: Searched recursively.
        exclude: Relative paths to leave out.
    """
    names = sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())
    return {name: record(directory / name) for name in names if name not in exclude}
