"""The hidden directory a dataset is written into, and the moment it becomes the dataset."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from retain.errors import DatasetError


@contextlib.contextmanager
def told_of_the_disk(path: Path) -> Iterator[None]:
    """A disk that is full or fails, in one sentence.

    Args:
        path: What was to be written.

    Raises:
        DatasetError: An OSError was raised inside.
    """
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise DatasetError(f"{path} cannot be written: {reason}; free some space or choose another place") from error


class Staging:
    """A directory beside `path`, locked while its writer lives; those of writers that died are swept away.

    Args:
        path: Where the finished directory shall be.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        prefix = f".{path.name}.partial-"
        for stale in path.parent.glob(f"{prefix}*.lock"):
            with contextlib.suppress(OSError), stale.open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(stale.with_suffix(""), ignore_errors=True)
                stale.unlink()
        self.directory = Path(tempfile.mkdtemp(prefix=prefix, dir=path.parent))
        self.directory.chmod(0o755)  # mkdtemp's 0700 would hide the finished dataset from other users
        self._lock_path = Path(f"{self.directory}.lock")
        self._lock = self._lock_path.open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def commit(self) -> None:
        """Force everything to disk and rename it to `path`; a directory that was there is removed afterwards."""
        for file in self.directory.rglob("*"):
            if file.is_file():
                with file.open("rb") as handle:
                    os.fsync(handle.fileno())
        if self._path.exists():
            aside = Path(tempfile.mkdtemp(prefix=f".{self._path.name}.replaced-", dir=self._path.parent))
            self._path.rename(aside / "old")
            self.directory.rename(self._path)
            shutil.rmtree(aside)
        else:
            self.directory.rename(self._path)
        self._unlock()

    def discard(self) -> None:
        """Remove the directory."""
        shutil.rmtree(self.directory, ignore_errors=True)
        self._unlock()

    def _unlock(self) -> None:
        self._lock_path.unlink(missing_ok=True)
        self._lock.close()
