"""Real runs on disks that fail, processes that are killed, and the black box."""

import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from retain.errors import ConfigError
from retain.flight import read
from retain.runtime import Recording

from ..runtime.tiny_policy import write_tiny_bundle  # noqa: TID252 (tests are no package that could be named)
from .conftest import DRIFT, PATIENT, Flight, fly

pytest.importorskip("mcap")


def test_a_black_box_is_written_after_a_fault_and_holds_its_end(tmp_path: Path) -> None:
    poisoned = write_tiny_bundle(tmp_path / "bundle", DRIFT, poison=True)
    recording = Recording.black_box(tmp_path / "boxes", black_box_s=0.1)
    run = fly(poisoned, recording)
    assert run.report.faulted
    log = read(recording.path)
    assert run.report.recording.path == str(recording.path)
    assert log.complete
    assert log.end["cause"] == "rejected_chunks"
    assert [answer.chunk.outcome for answer in log.answers] in (["rejected"] * 2, ["rejected"])
    assert any(event.is_fault for event in log.events)
    kept = run.record.time_s >= run.record.time_s[-1] - 0.1
    np.testing.assert_array_equal(log.ticks.sent, run.record.sent[kept])
    assert log.ticks.states[log.ticks.state[-1]] == "fault"


def test_a_run_that_ends_well_leaves_no_black_box(tmp_path: Path) -> None:
    recording = Recording.black_box(tmp_path / "boxes")
    run = fly(write_tiny_bundle(tmp_path / "bundle", DRIFT), recording, PATIENT.model_copy(update={"duration_s": 0.3}))
    assert not run.report.faulted
    assert list((tmp_path / "boxes").iterdir()) == []
    assert run.report.recording.path == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_does_not_stop_the_arm(tmp_path: Path) -> None:
    class Full(Recording):
        def check(self) -> None:  # /dev/full exists, which is the point
            pass

    run = fly(write_tiny_bundle(tmp_path / "bundle", DRIFT), Full(Path("/dev/full")))
    assert (run.report.state, run.report.cause) == ("hold", "time_over")
    assert run.report.recording.error == "/dev/full cannot be written: No space left on device"
    assert run.report.recording.lost_messages > 0
    assert run.report.ticks == len(run.record.time_s)


CHILD = textwrap.dedent(
    """
    import json, resource, sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[1])
    from python.flight.conftest import PATIENT, fly
    from retain.runtime import Recording
    duration_s = float(sys.argv[4])
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[5]), resource.RLIM_INFINITY))
    run = fly(Path(sys.argv[2]), Recording(Path(sys.argv[3])), PATIENT.model_copy(update={"duration_s": duration_s}))
    print(json.dumps(run.report.to_json()))
    """
)


def child(bundle: Path, file: Path, duration_s: float, limit: int = resource.RLIM_INFINITY) -> subprocess.Popen[str]:
    tests = Path(__file__).parent.parent.parent
    arguments = (str(tests), str(bundle), str(file), str(duration_s), str(limit))
    return subprocess.Popen([sys.executable, "-c", CHILD, *arguments], stdout=subprocess.PIPE, text=True)


def test_a_file_that_may_not_grow_ends_there_and_the_run_goes_on(tmp_path: Path) -> None:
    # The limit holds for this process alone: a real child with a real limit, whose signal would end it unless handled.
    bundle = write_tiny_bundle(tmp_path / "bundle", DRIFT)
    process = child(bundle, tmp_path / "run.mcap", 3.0, limit=200_000)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    report = json.loads(out)
    assert (report["state"], report["cause"]) == ("hold", "time_over")
    assert report["recording"]["error"].endswith("cannot be written: File too large")
    assert report["recording"]["lost_messages"] > 0
    assert (tmp_path / "run.mcap").stat().st_size == 200_000
    log = read(tmp_path / "run.mcap")
    assert not log.complete


def test_a_killed_process_leaves_a_file_that_is_read_up_to_its_last_second(tmp_path: Path) -> None:
    bundle, file = write_tiny_bundle(tmp_path / "bundle", DRIFT), tmp_path / "run.mcap"
    process = child(bundle, file, 300.0)
    try:
        deadline = time.monotonic() + 120
        while not (file.exists() and file.stat().st_size > 600_000):
            assert time.monotonic() < deadline, "the child recorded nothing"
            assert process.poll() is None
            time.sleep(0.1)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
    log = read(file)
    assert not log.complete
    assert log.end == {}
    assert len(log.ticks.time_s) > 100
    assert np.isfinite(log.ticks.sent).all()
    assert log.answers
    assert len(list(log.seen("front"))) >= len(log.answers)


def test_a_recording_that_cannot_begin_is_refused_before_anything_moves(flight: Flight, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="exists; name another file"):
        fly(flight.bundle, Recording(flight.file))
    with pytest.raises(ConfigError, match="is no directory; make it"):
        fly(flight.bundle, Recording(tmp_path / "nowhere" / "run.mcap"))
    with pytest.raises(ConfigError, match=r"a black box of 0\.0 s"):
        fly(flight.bundle, Recording(tmp_path / "run.mcap", "fault", 0.0))
    with pytest.raises(ConfigError, match="cannot hold black boxes"):
        Recording.black_box(flight.file)
    assert Recording(Path("a/run.mcap")).numbered(2).path == Path("a/run-2.mcap")
