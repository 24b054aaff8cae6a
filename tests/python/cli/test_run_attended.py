"""The person at the terminal, on a real pseudo-terminal; the loop's words are the test's."""

import os
import pty
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from retain.cli import run_attended
from retain.runtime import Answer, Operator, Status

PATIENCE_S = 30.0


def status(state: str, cause: str = "none") -> Status:
    return Status(state=state, cause=cause, running_s=1.0, ticks=100, chunks=3)


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The terminal's other end; standard input is the terminal."""
    master, slave = pty.openpty()
    with Path(os.ttyname(slave)).open() as terminal:
        monkeypatch.setattr("sys.stdin", terminal)
        yield master
    os.close(slave)
    os.close(master)


def until_answered(operator: Operator, now: Status) -> Answer:
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        if (answer := operator(now)) is not None:
            return answer
    raise AssertionError("no answer")


def test_enter_after_the_fault_re_arms_and_the_cause_is_told_once(
    keyboard: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with run_attended.at_terminal(attended=True) as operator:
        assert operator(status("running")) is None
        for _ in range(3):
            assert operator(status("fault", "camera_lost")) is None
        os.write(keyboard, b"\n")
        assert until_answered(operator, status("fault", "camera_lost")) == "rearm"
        assert operator(status("armed")) is None
    assert capsys.readouterr().err.splitlines() == [
        "fault: camera lost. The arm is at rest and holds.",
        "Enter re-arms, Ctrl-C ends.",
        "re-armed",
    ]


def test_an_enter_from_before_the_fault_is_no_answer_to_it(keyboard: int) -> None:
    with run_attended.at_terminal(attended=True) as operator:
        os.write(keyboard, b"\n")
        time.sleep(0.05)
        for _ in range(20):
            assert operator(status("fault", "camera_lost")) is None
            time.sleep(0.005)


def test_what_is_not_mended_is_told_and_asked_again(
    keyboard: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_attended, "PATIENCE_S", 0.0)
    fault = status("fault", "engine_error")
    with run_attended.at_terminal(attended=True) as operator:
        assert operator(fault) is None
        os.write(keyboard, b"\n")
        assert until_answered(operator, fault) == "rearm"
        assert operator(fault) is None
        os.write(keyboard, b"\n")
        assert until_answered(operator, fault) == "rearm"
    assert capsys.readouterr().err.count("not re-armed: engine error, still.") == 1


@pytest.mark.parametrize("cause", run_attended.NOT_AT_REST)
def test_a_dropped_arm_is_not_asked_about(keyboard: int, capsys: pytest.CaptureFixture[str], cause: str) -> None:
    with run_attended.at_terminal(attended=True) as operator:
        assert operator(status("fault", cause)) is None
        os.write(keyboard, b"\n")
        time.sleep(0.05)
        assert operator(status("fault", cause)) is None
    assert capsys.readouterr().err == ""


def test_unattended_nothing_is_asked(keyboard: int, capsys: pytest.CaptureFixture[str]) -> None:
    with run_attended.at_terminal(attended=False) as operator:
        assert operator(status("fault", "camera_lost")) is None
    assert capsys.readouterr().err == ""


def test_a_terminal_that_is_gone_ends_the_run(keyboard: int) -> None:
    with run_attended.at_terminal(attended=True) as operator:
        assert operator(status("fault", "starved")) is None
        os.write(keyboard, b"\x04")  # end of file, as a person types it
        assert until_answered(operator, status("fault", "starved")) == "stop"
