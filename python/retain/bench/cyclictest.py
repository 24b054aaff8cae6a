"""cyclictest of rt-tests: how late a bare periodic thread wakes up on this computer."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from retain.errors import ConfigError

HISTOGRAM_US = 100_000
"""Counts of 1 µs are kept up to here; later wake-ups are in the maximum alone."""

MEND = "sudo apt install rt-tests"


@dataclass(frozen=True)
class CyclictestRun:
    """One segment.

    Attributes:
        counts: Whole µs, rounded down by cyclictest → wake-ups.
        overflows: Wake-ups later than `HISTOGRAM_US`.
        max_us: The latest of all.
    """

    counts: Mapping[int, int]
    overflows: int
    max_us: float


def find_cyclictest(program: str | None) -> str | None:
    """The program to run: the one that was named, or the one on the path; None where there is none.

    Raises:
        ConfigError: One was named and cannot be run.
    """
    found = shutil.which(program or "cyclictest")
    if program and not found:
        raise ConfigError(f"{program} is not a program; install cyclictest with: {MEND}")
    return found


def run_cyclictest(program: str, *, priority: int, interval_us: int, seconds: float, cpu: int | None) -> CyclictestRun:
    """Run one segment with locked memory, on absolute monotonic sleeps, as the loop's tick does.

    Args:
        program: As `find_cyclictest` returned it.
        priority: SCHED_FIFO priority; 0: the normal class.
        interval_us: Between two wake-ups, µs.
        seconds: Length of the segment.
        cpu: Core to run on; None: any.

    Raises:
        ConfigError: It failed, or printed no histogram.
    """
    loops = max(round(seconds * 1e6 / interval_us), 1)
    command = [program, "-q", "-m", "-t1", f"-p{priority}", f"-i{interval_us}", f"-l{loops}", f"-h{HISTOGRAM_US}"]
    if cpu is not None:
        command.append(f"-a{cpu}")
    # An unpacked package, not installed, has its libraries beside it.
    libraries = f"{Path(program).resolve().parent}:{os.environ.get('LD_LIBRARY_PATH', '')}"
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"LD_LIBRARY_PATH": libraries},
        timeout=60 + 4 * seconds,
    )  # fmt: skip
    if done.returncode:
        raise ConfigError(f"{program} failed with exit code {done.returncode}: {done.stderr.strip()}")
    return parse_histogram(done.stdout)


def parse_histogram(text: str) -> CyclictestRun:
    """What `cyclictest -q -h` prints.

    Raises:
        ConfigError: There is no histogram in it.
    """
    counts = {int(us): int(n) for us, n in re.findall(r"^(\d{6,}) (\d{6,})$", text, re.MULTILINE) if int(n)}
    maximum = re.search(r"^# Max Latencies: (\d+)", text, re.MULTILINE)
    overflows = re.search(r"^# Histogram Overflows: (\d+)", text, re.MULTILINE)
    if not counts or maximum is None:
        raise ConfigError(f"cyclictest printed no histogram; expected rt-tests 1.0 or newer: {MEND}")
    return CyclictestRun(counts, int(overflows[1]) if overflows else 0, float(maximum[1]))
