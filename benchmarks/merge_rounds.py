"""Time processes from start to end, round after round, so that what slows one round slows all ways of doing it."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Way:
    """One way to make something: a process, and the directories that it makes.

    reports: it is `retain … --json`, whose output says how long its stream took. rounds: in how many rounds it takes
    part, for what takes minutes; None is all.
    """

    name: str
    command: Sequence[str]
    outputs: Sequence[Path]
    reports: bool = False
    rounds: int | None = None


@dataclass(frozen=True)
class Run:
    """One timed process.

    Attributes:
        wall_s: From start to end, imports included.
        cpu_s: User and system time.
        peak_mib: The kernel's figure; no process can show less than the 10 MiB of the launcher.
        disk_read_gb: What was not in the page cache.
        stream_s: retain's own figure for reading, arithmetic and writing.
    """

    wall_s: float
    cpu_s: float
    peak_mib: float
    disk_read_gb: float
    stream_s: float | None


def in_turn(
    ways: Sequence[Way], rounds: int, inspect: Callable[[Way], None] = lambda way: None
) -> dict[str, list[Run]]:
    """Time all ways in turn; every round begins with another one.

    One run goes before, unmeasured: a virtual machine takes memory that was never used from its host page by page, and
    whatever comes first would pay for it.

    Args:
        ways: What to time; their outputs are removed afterwards.
        rounds: How often.
        inspect: Called after the first run of each way, while its outputs stand.

    Raises:
        SystemExit: A process failed.
    """
    runs: dict[str, list[Run]] = {way.name: [] for way in ways}
    with small_launcher() as launcher:
        timed(ways[0], launcher)
        _remove(ways[0])
        for number in range(rounds):
            shift = number % len(ways)
            for way in (*ways[shift:], *ways[:shift]):
                if way.rounds is not None and len(runs[way.name]) >= way.rounds:
                    continue
                os.sync()  # what the way before left to be written must not disturb this one
                run = timed(way, launcher)
                if not runs[way.name]:
                    inspect(way)
                runs[way.name].append(run)
                _remove(way)
                print(f"  round {number + 1}: {way.name}: {run.wall_s:.3f} s", flush=True)
    return runs


def _remove(way: Way) -> None:
    for output in way.outputs:
        shutil.rmtree(output)


def timed(way: Way, launcher: "subprocess.Popen[str]") -> Run:
    """Run it once; its outputs are left.

    Raises:
        SystemExit: It failed; with the end of what it said.
    """
    assert launcher.stdin is not None
    assert launcher.stdout is not None
    with tempfile.TemporaryDirectory() as name:
        said, complaints = Path(name) / "stdout", Path(name) / "stderr"
        request = {"command": list(way.command), "stdout": str(said), "stderr": str(complaints)}
        launcher.stdin.write(json.dumps(request) + "\n")
        launcher.stdin.flush()
        answer = json.loads(launcher.stdout.readline())
        code = answer.pop("code")
        if code != 0:
            raise SystemExit(f"{way.name} failed ({code}):\n{complaints.read_text(errors='replace')[-2000:]}")
        stream_s = None
        if way.reports:
            found = json.loads(said.read_text())
            stream_s = float((found[0] if isinstance(found, list) else found)["seconds"])
    return Run(**answer, stream_s=stream_s)


@contextmanager
def small_launcher() -> "Iterator[subprocess.Popen[str]]":
    """The process that starts the others; see merge_launcher.py."""
    command = [sys.executable, "-S", "-E", str(Path(__file__).parent / "merge_launcher.py")]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as launcher:
        yield launcher
        assert launcher.stdin is not None
        launcher.stdin.close()


def row(runs: Sequence[Run], nbytes: int) -> dict[str, float | int | None]:
    """Medians of several runs of one way; the largest peak and the largest disk read. nbytes: of the output."""
    wall_s = statistics.median(run.wall_s for run in runs)
    streams = [run.stream_s for run in runs if run.stream_s is not None]
    return {
        "runs": len(runs),
        "median_s": round(wall_s, 4),
        "best_s": round(min(run.wall_s for run in runs), 4),
        "worst_s": round(max(run.wall_s for run in runs), 4),
        "output_gb_per_s": round(nbytes / wall_s / 1e9, 3),
        "cpu_s": round(statistics.median(run.cpu_s for run in runs), 3),
        "peak_mib": round(max(run.peak_mib for run in runs), 1),
        "disk_read_gb": round(max(run.disk_read_gb for run in runs), 3),
        "stream_s": round(statistics.median(streams), 4) if streams else None,
    }


def show(rows: Mapping[str, Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Print a table of rows."""
    print(f"{'':46}" + "".join(f"{column:>14}" for column in columns))
    for name, found in rows.items():
        cells = (found.get(column) for column in columns)
        print(f"{name:46}" + "".join(f"{'–' if cell is None else cell:>14}" for cell in cells))


def check_space(directory: Path, needed_bytes: float) -> None:
    """Refuse to begin what the disk cannot hold.

    Raises:
        SystemExit: It has less left.
    """
    free = shutil.disk_usage(directory).free
    if free < needed_bytes:
        raise SystemExit(f"{directory} has {free / 1e9:.1f} GB left and this needs {needed_bytes / 1e9:.1f} GB")
