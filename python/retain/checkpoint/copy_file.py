"""Copying a large file at no cost where the file system can."""

import fcntl
import shutil
from pathlib import Path

_FICLONE = 0x40049409


def copy_file(source: Path, target: Path) -> None:
    """A copy that shares blocks where the file system can; never a hard link, through which one changes the other."""
    with source.open("rb") as read, target.open("wb") as write:
        try:
            fcntl.ioctl(write.fileno(), _FICLONE, read.fileno())
        except OSError:
            shutil.copyfile(source, target)
