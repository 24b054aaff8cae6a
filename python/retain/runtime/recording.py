"""What to record of a run, and what the file's head says about it."""

import datetime
import json
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import retain
from retain._core import runtime as core
from retain.bundle import MANIFEST_FILE, Bundle
from retain.bundle.digest import record
from retain.errors import ConfigError

FORMAT = "1"
"""Of the file's topics and metadata; a reader refuses another one."""


@dataclass(frozen=True)
class Recording:
    """A file to record a run into.

    Attributes:
        path: The MCAP file.
        mode: "all" writes everything from start to end; "fault" keeps the last seconds in memory and writes them only
            when the run ends in a fault, or `Loop.request_save` asked for it.
        black_box_s: How much "fault" keeps, s.
    """

    path: Path
    mode: Literal["all", "fault"] = "all"
    black_box_s: float = 30.0

    @classmethod
    def black_box(cls, directory: Path, black_box_s: float = 30.0) -> "Recording":
        """A black box whose file is named for the time of the run's start, in a directory that is made if need be.

        Raises:
            ConfigError: There is a file in the directory's place.
        """
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"{directory} cannot hold black boxes ({error.strerror}); name a directory") from error
        name = f"{datetime.datetime.now(datetime.timezone.utc):%Y%m%dT%H%M%S.%fZ}"
        return cls(directory / f"fault-{name}.mcap", "fault", black_box_s)

    def numbered(self, number: int) -> "Recording":
        """The recording of one of several runs: run.mcap becomes run-2.mcap."""
        return Recording(
            self.path.with_name(f"{self.path.stem}-{number}{self.path.suffix}"), self.mode, self.black_box_s
        )

    def check(self) -> None:
        """Find out before anything moves whether the file can be made.

        A disk that fails later does not stop the run: the report says so.

        Raises:
            ConfigError: The file exists, its directory does not, or the time is impossible.
        """
        if not 0 < self.black_box_s <= 3600:
            raise ConfigError(f"a black box of {self.black_box_s} s is impossible; expected more than 0, at most 3600")
        if self.path.exists():
            raise ConfigError(f"{self.path} exists; name another file to record to, or delete it")
        if not self.path.absolute().parent.is_dir():
            raise ConfigError(f"{self.path.absolute().parent} is no directory; make it, or record to another place")


def bundle_sha256(bundle: Bundle) -> str:
    """What a bundle is: the SHA-256 of its manifest, which holds those of all other files."""
    return record(bundle.path / MANIFEST_FILE).sha256


def recording_config(
    recording: Recording, bundle: Bundle, *, instruction: str, strategy: str, robot: str, engine: str
) -> core.RecordingConfig:
    """The plain structure that the C++ loop takes; the loop adds channels, limits and rates.

    Args:
        recording: What to record.
        bundle: That drives.
        instruction: In words.
        strategy: Name of the execution strategy.
        robot: Name of the robot's profile.
        engine: Who computes.

    Raises:
        ConfigError: The file cannot be made.
    """
    recording.check()
    machine = {
        "system": platform.system(),
        "kernel": platform.release(),
        "processor": platform.machine(),
        "python": platform.python_version(),
    }
    metadata = {
        "format": FORMAT,
        "retain_version": retain.__version__,
        "bundle": bundle.path.name,
        "bundle_sha256": bundle_sha256(bundle),
        "family": bundle.manifest.family,
        "instruction": instruction,
        "strategy": strategy,
        "robot": robot,
        "engine": engine,
        "machine": json.dumps(machine),
        # The one place where the wall clock appears: all other times are CLOCK_MONOTONIC.
        "wall_clock": datetime.datetime.now(datetime.timezone.utc).isoformat(),
        "wall_clock_at_ns": str(time.monotonic_ns()),
    }
    mode = core.RecordMode.all if recording.mode == "all" else core.RecordMode.fault
    return core.RecordingConfig(mode, str(recording.path), recording.black_box_s, metadata)
