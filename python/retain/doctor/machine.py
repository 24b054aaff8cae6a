"""The computer as the checks see it: files below a root, a few commands, installed packages. Tests hand in another."""

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_COMMAND_TIMEOUT_S = 20


def run_command(command: Sequence[str]) -> str | None:
    """A command's standard output, or None where it isn't there, fails, or takes longer than 20 s."""
    if shutil.which(command[0]) is None:
        return None
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_COMMAND_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def package_version(distribution: str) -> str | None:
    """The version of an installed distribution, or None."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def package_folder(module: str) -> Path | None:
    """The folder of an installed package, which is not imported for this; None where it isn't installed."""
    spec = importlib.util.find_spec(module)
    locations = spec.submodule_search_locations if spec else None
    return Path(next(iter(locations))) if locations else None


def module_file(module: str) -> Path | None:
    """The file of an installed module, which is not imported for this (the packages above it are); None without one."""
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    return Path(spec.origin) if spec is not None and spec.origin is not None else None


def may_open(path: Path) -> bool:
    """Whether this process may read and write a device."""
    return os.access(path, os.R_OK | os.W_OK)


def free_bytes(path: Path) -> int:
    """Free space for this user on a path's file system, bytes."""
    return shutil.disk_usage(path).free


@dataclass(frozen=True)
class Machine:
    """Where the checks look.

    Attributes:
        root: What stands for "/": /proc, /sys, /dev, /etc, /var and /usr are looked for below it.
        recordings: Folder in which flight records and datasets will be written.
        run: A command's output, or None.
        version: A distribution's version, or None.
        folder: An installed package's folder, or None.
        file: An installed module's file, or None.
        may_open: Whether a device may be read and written.
        free_bytes: Free space on a path's file system.
    """

    root: Path = field(default_factory=lambda: Path("/"))
    recordings: Path = field(default_factory=Path.cwd)
    run: Callable[[Sequence[str]], str | None] = run_command
    version: Callable[[str], str | None] = package_version
    folder: Callable[[str], Path | None] = package_folder
    file: Callable[[str], Path | None] = module_file
    may_open: Callable[[Path], bool] = may_open
    free_bytes: Callable[[Path], int] = free_bytes

    def path(self, absolute: str) -> Path:
        """A file of this machine, below its root."""
        return self.root / absolute.lstrip("/")

    def text(self, absolute: str) -> str | None:
        """A file's text without white space at its ends, or None where it cannot be read.

        Some files of sysfs answer a read with an error: a sensor whose device sleeps, say.
        """
        try:
            # Strings of the device tree end in a zero byte.
            return self.path(absolute).read_text(errors="replace").strip().strip("\0")
        except OSError:
            return None

    def number(self, absolute: str) -> int | None:
        """A file's whole number, or None."""
        text = self.text(absolute)
        try:
            return int(text) if text is not None else None
        except ValueError:
            return None

    def glob(self, absolute: str) -> list[str]:
        """The machine's paths that match a pattern, sorted, as absolute paths (without the root)."""
        return sorted(f"/{found.relative_to(self.root)}" for found in self.root.glob(absolute.lstrip("/")))

    def cmdline(self) -> dict[str, str]:
        """The kernel's own command line as name → value."""
        words = (self.text("/proc/cmdline") or "").split()
        return {name: value for name, _, value in (word.partition("=") for word in words)}
