"""`retain run` in processes of its own: recordings, the person at a terminal, virtual time, a workspace, a file."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from retain.flight.log import read

from .tiny_policy import DRIFT, TASK, write_tiny_bundle

PATIENCE_S = 100.0

PATIENT = {
    "rate_hz": 200,
    "max_frame_age_s": 2.0,
    "state_timeout_s": 2.0,
    "inference_timeout_s": 10.0,
    "hold_timeout_s": 10.0,
    "overruns_to_stop": 0.9,
    "realtime": {"priority": None, "lock_memory": False},
}
"""A busy machine is no fault."""


@pytest.fixture
def patient_file(tmp_path: Path) -> Path:
    file = tmp_path / "patient.json"
    file.write_text(json.dumps(PATIENT))
    return file


@pytest.fixture
def poisoned(tmp_path: Path) -> Path:
    return write_tiny_bundle(tmp_path / "poisoned", DRIFT, poison=True)


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "retain.cli", "run", *map(str, arguments), "--task", TASK]


def retain_run(*arguments: str | Path) -> tuple[int, dict, str]:
    done = subprocess.run(
        command(*arguments, "--json"), capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


def test_the_file_is_heeded_and_every_scene_is_recorded(drifting: Path, patient_file: Path, tmp_path: Path) -> None:
    arguments = (drifting, "--config", patient_file, "--duration", "0.5", "--strategy", "sync", "--episodes", "2")
    code, said, err = retain_run(*arguments, "--record", tmp_path / "run.mcap")
    assert (code, err) == (0, "")
    for number, report in enumerate(said["runs"], start=1):
        assert report["strategy"] == "sync"
        file = tmp_path / f"run-{number}.mcap"
        assert report["recording"]["path"] == str(file)
        assert report["recording"]["error"] == ""
        log = read(file)
        assert log.complete
        assert log.metadata["instruction"] == TASK
    code, _, err = retain_run(*arguments, "--record", tmp_path / "run.mcap")
    assert code == 2
    assert "run-1.mcap exists" in err


def test_a_black_box_is_written_after_a_fault_and_only_then(
    drifting: Path, poisoned: Path, patient_file: Path, tmp_path: Path
) -> None:
    options = ("--config", patient_file, "--duration", "0.5", "--black-box", tmp_path / "boxes")
    code, _, err = retain_run(drifting, *options)
    assert (code, err) == (0, "")
    assert not list((tmp_path / "boxes").iterdir())
    code, said, err = retain_run(poisoned, *options, "--duration", "30")
    assert (code, err) == (1, "")
    assert said["runs"][0]["cause"] == "rejected_chunks"
    (box,) = (tmp_path / "boxes").iterdir()
    assert box.suffix == ".mcap"


def test_virtual_time_repeats_to_the_bit_and_knows_its_delay(drifting: Path, tmp_path: Path) -> None:
    records = []
    for name in ("one.npz", "two.npz"):
        code, said, err = retain_run(
            drifting, "--virtual", "--delay", "0.25", "--duration", "5", "--save-log", tmp_path / name
        )
        assert (code, err) == (0, "")
        (report,) = said["runs"]
        assert report["inference"]["max_s"] == pytest.approx(0.25, rel=0.05)
        with np.load(tmp_path / name) as record:
            records.append(record["sent"])
    assert np.array_equal(*records)
    assert np.abs(np.diff(records[0][:, 5])).max() > 0
    code, _, err = retain_run(drifting, "--virtual", "--delay", "2", "--duration", "5")
    assert code == 2
    assert "needs d ≤ s ≤ H − d" in err


@pytest.mark.parametrize(
    ("options", "strategy"),
    [
        (("--strategy", "ensemble"), "ensemble"),
        (("--strategy", "rtc-guided", "--delay", "0.15"), "rtc-guided"),
        (("--overlap", "weighted", "--execute-rows", "3"), "async"),
    ],
)
def test_strategies_run(drifting: Path, options: tuple[str, ...], strategy: str) -> None:
    code, said, err = retain_run(drifting, "--virtual", "--duration", "3", *options)
    assert (code, err) == (0, "")
    (report,) = said["runs"]
    assert report["strategy"] == strategy
    assert report["chunks"] >= 3
    if strategy == "rtc-guided":
        assert report["spliced"] > 0


def test_a_policy_without_training_for_it_is_refused_rtc_prefix(drifting: Path) -> None:
    code, _, err = retain_run(drifting, "--virtual", "--duration", "3", "--strategy", "rtc-prefix")
    assert code == 2
    assert "choose rtc-guided, which needs no training" in err


def test_the_tool_does_not_leave_its_workspace(drifting: Path) -> None:
    code, said, err = retain_run(
        drifting, "--virtual", "--duration", "3", "--workspace", "-9", "-9", "-9", "9", "9", "9"
    )
    assert (code, err) == (0, "")
    assert said["runs"][0]["cause"] == "time_over"
    code, _, err = retain_run(drifting, "--virtual", "--duration", "3", "--workspace", "8", "8", "8", "9", "9", "9")
    assert code == 2
    assert "outside the workspace" in err


class Terminal:
    """A process whose input and error are a terminal."""

    def __init__(self, arguments: list[str]) -> None:
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            arguments, stdin=slave, stderr=slave, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        os.close(slave)
        self.shown = ""

    def read_until(self, words: str) -> None:
        """Waits until the words have come, and forgets what was before them."""
        deadline_s = time.monotonic() + PATIENCE_S
        while words not in self.shown:
            assert time.monotonic() < deadline_s, self.shown
            if select.select([self.master], [], [], 0.1)[0]:
                self.shown += os.read(self.master, 4096).decode(errors="replace")
        self.shown = self.shown.partition(words)[2]

    def end(self) -> str:
        """What was said on standard output."""
        out, _ = self.process.communicate(timeout=PATIENCE_S)
        return out


@contextmanager
def at_terminal(*arguments: str | Path) -> Iterator[Terminal]:
    terminal = Terminal(command(*arguments))
    try:
        yield terminal
    finally:
        terminal.process.kill()
        terminal.process.wait()
        if terminal.process.stdout is not None:
            terminal.process.stdout.close()
        os.close(terminal.master)


def test_a_person_re_arms_by_enter_and_ends_by_interrupt(poisoned: Path, patient_file: Path) -> None:
    with at_terminal(poisoned, "--config", patient_file, "--duration", "0", "--attended", "--json") as terminal:
        for _ in range(2):
            terminal.read_until("fault: rejected chunks. The arm is at rest and holds.")
            terminal.read_until("Ctrl-C ends.")
            os.write(terminal.master, b"\n")
            terminal.read_until("re-armed")
        terminal.read_until("Ctrl-C ends.")
        os.kill(terminal.process.pid, signal.SIGINT)
        said = json.loads(terminal.end())
    assert terminal.process.returncode == 1
    (report,) = said["runs"]
    assert report["rearmed"] == 2
    assert (report["state"], report["cause"]) == ("fault", "rejected_chunks")
