"""Crash dumps of child processes that really crash, read back."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from retain.cli.main import main
from retain.errors import RetainError
from retain.runtime.crash_dump import crash_facts, crash_ticks, is_crash_dump, read_crash_dump

TICKS, KEPT = 1500, 1024

CRASH = """
import ctypes, faulthandler, os, resource, signal, sys, time
from pathlib import Path
from retain._core import runtime as core

resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
path, way = Path(sys.argv[1]), sys.argv[2]
faulthandler.enable()
ring = core.CrashRing(3)
with core.CrashDump(path, ring, ["base", "elbow", "cup"]):
    for number in range(1, 1501):
        ring.push(time.monotonic_ns(), 2, number % 4, 7, number % 16, [number, 0.5, -1.0], [-number, 0.25, 1.0])
    if way == "segv":
        ctypes.string_at(0x10)
    if way == "abort":
        os.abort()
    if way == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
print("ended well")
"""


def crash(path: Path, way: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", CRASH, str(path), way]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_segmentation_fault_leaves_the_last_ticks(tmp_path: Path) -> None:
    done = crash(tmp_path / "crash", "segv")
    assert done.returncode == -11
    assert "Segmentation fault" in done.stderr  # faulthandler still has its word
    assert "string_at" in done.stderr
    record = read_crash_dump(tmp_path / "crash")
    assert (record.signal, record.address, record.torn) == ("SIGSEGV", 0x10, 0)
    assert record.channels == ("base", "elbow", "cup")
    assert record.thread == record.process
    np.testing.assert_array_equal(record.number, np.arange(TICKS - KEPT + 1, TICKS + 1))
    np.testing.assert_array_equal(record.measured[:, 0], record.number.astype(float))
    np.testing.assert_array_equal(record.sent[:, 0], -record.number.astype(float))
    np.testing.assert_array_equal(record.reaction, record.number % 4)
    assert record.sent.shape == (KEPT, 3)
    assert np.all(np.diff(record.time_s) >= 0)
    assert record.time_s[-1] <= 0


def test_abort_has_no_address(tmp_path: Path) -> None:
    done = crash(tmp_path / "crash", "abort")
    assert done.returncode == -6
    assert "Aborted" in done.stderr
    record = read_crash_dump(tmp_path / "crash")
    assert (record.signal, record.address) == ("SIGABRT", None)
    assert ("address", "sent by a program") in crash_facts(record)


def test_a_run_that_ends_well_leaves_nothing(tmp_path: Path) -> None:
    assert crash(tmp_path / "crash", "").stdout == "ended well\n"
    assert not (tmp_path / "crash").exists()


def test_kill_leaves_an_empty_file_and_a_sentence(tmp_path: Path) -> None:
    assert crash(tmp_path / "crash", "kill").returncode == -9
    with pytest.raises(RetainError, match="is empty: the process was killed"):
        read_crash_dump(tmp_path / "crash")


def test_the_view_shows_the_last_ticks_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    crash(tmp_path / "crash", "segv")
    columns, rows = crash_ticks(read_crash_dump(tmp_path / "crash"), last=2)
    assert columns[-3:] == ("base", "elbow", "cup")
    assert [row[1:6] for row in rows] == [(1499, "running", "drop", 7, 11), (1500, "running", "none", 7, 12)]
    assert rows[-1][-3:] == ("1500.0000 → -1500.0000", "0.5000 → 0.2500", "-1.0000 → 1.0000")
    assert main(["inspect", str(tmp_path / "crash")]) == 0
    assert "SIGSEGV" in capsys.readouterr().out
    assert main(["inspect", str(tmp_path / "crash"), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["last_ticks"]) == 20


@pytest.mark.parametrize("kept_bytes", [0.3, 0.9])
def test_a_dump_cut_short_gives_its_whole_ticks(kept_bytes: float, tmp_path: Path) -> None:
    crash(tmp_path / "crash", "segv")
    data = (tmp_path / "crash").read_bytes()
    (tmp_path / "cut").write_bytes(data[: round(kept_bytes * len(data))])
    whole, cut = read_crash_dump(tmp_path / "crash"), read_crash_dump(tmp_path / "cut")
    assert 0 < len(cut.number) < len(whole.number)
    np.testing.assert_array_equal(cut.sent, whole.sent[: len(cut.sent)])


def test_a_torn_tick_is_left_out_and_counted(tmp_path: Path) -> None:
    crash(tmp_path / "crash", "segv")
    data = bytearray((tmp_path / "crash").read_bytes())
    whole = read_crash_dump(tmp_path / "crash")
    first_entry = len(data) - KEPT * (32 + 2 * 8 * 32)
    data[first_entry : first_entry + 8] = bytes(8)  # number 0: how the handler marks it
    (tmp_path / "torn").write_bytes(data)
    record = read_crash_dump(tmp_path / "torn")
    assert record.torn == 1
    np.testing.assert_array_equal(record.number, whole.number[1:])


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"RETAIN", "is not a crash dump"),
        (b"x" * 4000, "is not a crash dump"),
        (b"RETAINCD" + b"\x09" * 4000, "another"),
    ],
)
def test_other_files_are_refused_in_a_sentence(data: bytes, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(RetainError, match=sentence):
        read_crash_dump(tmp_path / "file")


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    assert not is_crash_dump(tmp_path / "nowhere")
    with pytest.raises(RetainError, match="No such file"):
        read_crash_dump(tmp_path / "nowhere")


def test_the_ring_wants_one_value_per_channel() -> None:
    from retain._core import runtime as core

    with pytest.raises(RetainError, match="one value per channel, 2"):
        core.CrashRing(2).push(0, 0, 0, 0, 0, [1.0], [1.0])
