"""A directory that appears whole or not at all.

It is filled under a hidden name beside its final place and renamed when it is complete. A process that is killed leaves
the hidden directory behind; it holds no lock any more, so the next run with the same output removes it.
"""

import ctypes
import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from retain.errors import CheckpointError

_AT_FDCWD = -100
_RENAME_NOREPLACE = 1
_RENAME_EXCHANGE = 2
_UNSUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
_POLICY_MARKS = ("merge_report.json", "config.json", "model.safetensors")


@contextmanager
def atomic_directory(output: Path, *, force: bool = False, needed_bytes: int = 0, sync: bool = True) -> Iterator[Path]:
    """Yield an empty directory that becomes `output` when the block ends without an exception, and vanishes otherwise.

    Args:
        output: The final place.
        force: Replace what is there, if it is a policy directory or empty.
        needed_bytes: How much will be written; checked against the free space before anything is done.
        sync: Wait until everything is on the disk before the rename, so that not even a power cut leaves it half done.

    Raises:
        CheckpointError: The output exists (without `force`), is something that must not be replaced, or does not fit.
    """
    check_replaceable(output, force=force)
    parent = output.absolute().parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(parent, output.name)
        _check_space(output, parent, needed_bytes)
        partial = parent / f".{output.name}.{secrets.token_hex(4)}.partial"
        partial.mkdir()
    except OSError as error:
        raise CheckpointError(f"cannot make {output}: {error.strerror}") from error
    lock = os.open(partial, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield partial
        try:
            if sync:
                _sync_tree(partial)
            _put_in_place(partial, output, force=force)
        except OSError as error:
            raise CheckpointError(f"cannot put {output} in place: {error.strerror}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        os.close(lock)


def check_replaceable(output: Path, *, force: bool) -> None:
    """Refuse to write over what the user may want to keep.

    Raises:
        CheckpointError: The output exists and `force` is not given, or it is not a policy directory.
    """
    if not (output.exists() or output.is_symlink()):
        return
    if not force:
        raise CheckpointError(f"{output} exists; give another name, or --force to replace it")
    if output.is_symlink() or not output.is_dir():
        raise CheckpointError(f"{output} is not a directory; --force replaces only policy directories")
    if any(output.iterdir()) and not any((output / mark).exists() for mark in _POLICY_MARKS):
        raise CheckpointError(f"{output} is not a policy directory; --force replaces nothing else, remove it yourself")


def _check_space(output: Path, parent: Path, needed_bytes: int) -> None:
    status = os.statvfs(parent)
    free = status.f_bavail * status.f_frsize
    if needed_bytes > free:
        raise CheckpointError(
            f"{output} needs {needed_bytes / 1e9:.3f} GB and its file system has {free / 1e9:.3f} GB left; "
            "free some space or choose another place"
        )


def _remove_abandoned(parent: Path, name: str) -> None:
    for partial in parent.glob(f".{_glob_escape(name)}.*.partial"):
        descriptor = os.open(partial, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue  # another run is filling it right now
        else:
            shutil.rmtree(partial, ignore_errors=True)
        finally:
            os.close(descriptor)


def _glob_escape(name: str) -> str:
    """Quote a file name for Path.glob."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _sync_tree(directory: Path) -> None:
    for folder, _, files in os.walk(directory):
        for path in (*(Path(folder, file) for file in files), Path(folder)):
            _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _put_in_place(partial: Path, output: Path, *, force: bool) -> None:
    if not (force and output.exists()):
        if not _rename(partial, output, _RENAME_NOREPLACE):
            partial.rename(output)  # refuses by itself if a directory with files has appeared there
    elif _rename(partial, output, _RENAME_EXCHANGE):
        pass  # the old directory now has the partial name, and goes away with it
    else:
        old = partial.with_suffix(".old")
        output.rename(old)
        partial.rename(output)
        shutil.rmtree(old, ignore_errors=True)
    _sync(output.absolute().parent)


def _rename(source: Path, target: Path, flags: int) -> bool:
    """renameat2(2), which Python does not have. False where the file system does not know the flag."""
    library = ctypes.CDLL(None, use_errno=True)
    function = getattr(library, "renameat2", None)
    if function is None:
        return False
    if function(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), flags) == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNSUPPORTED:
        return False
    raise OSError(code, os.strerror(code), str(target))
