"""SHA-256 of files, several at a time: hashlib lets go of the interpreter lock, so threads are enough."""

import hashlib
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from retain.errors import CheckpointError

_BLOCK_BYTES = 1 << 20


def sha256_files(files: Sequence[Path], threads: int) -> dict[Path, str]:
    """Hash files in parallel.

    Args:
        files: What to hash; a file that is listed twice is hashed once.
        threads: How many files at a time.

    Returns:
        Hexadecimal digests by path.

    Raises:
        CheckpointError: One cannot be read.
    """
    stop = threading.Event()
    unique = list(dict.fromkeys(files))
    with ThreadPoolExecutor(max_workers=max(threads, 1)) as pool:
        try:
            # The largest first, so that no thread is left alone with it at the end.
            order = sorted(unique, key=_size, reverse=True)
            digests = dict(zip(order, pool.map(lambda file: _sha256(file, stop), order), strict=True))
        except BaseException:
            stop.set()  # Ctrl-C must not wait until gigabytes are hashed
            raise
    return {file: digests[file] for file in unique}


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError as error:
        raise CheckpointError(f"cannot read {file}: {error.strerror}") from error


def _sha256(file: Path, stop: threading.Event) -> str:
    digest = hashlib.sha256()
    block = bytearray(_BLOCK_BYTES)
    view = memoryview(block)
    try:
        with file.open("rb", buffering=0) as stream:
            while (count := stream.readinto(block)) and not stop.is_set():
                digest.update(view[:count])
    except OSError as error:
        raise CheckpointError(f"cannot read {file}: {error.strerror}") from error
    return digest.hexdigest()
