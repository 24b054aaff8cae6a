import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from .tiny_policy import TASK, write_tiny_bundle

SLOW_ROBOT = ("--rate", "200", "--priority", "0")

NO_TORCH = """
import sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ImportError("torch is not on the robot")

sys.meta_path.insert(0, NoTorch())
from retain.cli.main import main
"""

RUN = NO_TORCH + "sys.exit(main(sys.argv[1:]))"

SAY_WHEN_IT_MOVES = (
    NO_TORCH
    + """
from retain.runtime.mujoco import TabletopRun

quiet = TabletopRun.watch
def watch(self, status):
    if status.chunks and status.running_s > 0.5:
        print("moving", flush=True)
    return quiet(self, status)

TabletopRun.watch = watch
sys.exit(main(sys.argv[1:]))
"""
)


def start(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, "run", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def retain_run(*arguments: str) -> tuple[int, str, str]:
    process = start(RUN, *arguments)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_tiny_bundle(tmp_path / "bundle", (0.02, 0.0, 0.0, 0.0, 0.0, 0.03, 0.0))


def test_it_runs_where_importing_torch_raises(bundle: Path, tmp_path: Path) -> None:
    log = tmp_path / "run.npz"
    code, out, err = retain_run(
        str(bundle), "--task", TASK, "--duration", "1", *SLOW_ROBOT, "--json", "--save-log", str(log)
    )
    assert (code, err) == (0, "")
    summary = json.loads(out)
    assert summary["successes"] == 0
    (report,) = summary["runs"]
    assert report["cause"] == "time_over"
    assert report["chunks"] >= 1
    with np.load(log) as record:
        assert len(record["sent"]) == report["ticks"]


def test_interrupt_ramps_down_and_exits_with_0(bundle: Path, tmp_path: Path) -> None:
    log = tmp_path / "run.npz"
    arguments = (str(bundle), "--task", TASK, "--duration", "60", *SLOW_ROBOT, "--save-log", str(log))
    process = start(SAY_WHEN_IT_MOVES, *arguments)
    assert process.stdout is not None
    assert process.stdout.readline() == "moving\n"
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert "hold (operator stop)" in out
    with np.load(log) as record:
        steps = np.abs(np.diff(record["sent"][:, 5]))
    assert steps.max() > 0.0
    assert steps[-1] == 0.0
    assert np.abs(np.diff(steps)).max() <= 40.0 / 200.0**2 + 1e-9  # not by a jump


def test_a_fault_exits_with_1(tmp_path: Path) -> None:
    poisoned = write_tiny_bundle(tmp_path / "poisoned", (0.0,) * 7, poison=True)
    code, out, _ = retain_run(str(poisoned), "--task", TASK, "--duration", "5", *SLOW_ROBOT)
    assert code == 1
    assert "fault (rejected chunks)" in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nowhere", "--task", TASK), "nowhere is not a bundle"),
        (("BUNDLE", "--task", "dance on the table"), "dance on the table"),
        (("BUNDLE", "--task", TASK, "--rate", "1"), "rate_hz is 1.0"),
        (("BUNDLE", "--task", TASK, "--episodes", "0"), "--episodes of at least 1"),
        (("BUNDLE", "--task", TASK, "--suite", "mars"), "no suite 'mars'"),
        (("MISFIT", "--task", TASK), "does not fit the robot mujoco"),
    ],
)
def test_mistakes_exit_with_2_and_a_sentence(
    bundle: Path, arguments: tuple[str, ...], sentence: str, tmp_path: Path
) -> None:
    names = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_1", "wrist_2", "wrist_3", "suction")
    paths = {"BUNDLE": str(bundle), "MISFIT": str(write_tiny_bundle(tmp_path / "misfit", (0.0,) * 7, names=names))}
    code, out, err = retain_run(*(paths.get(argument, argument) for argument in arguments))
    assert (code, out) == (2, "")
    assert err.startswith("retain run: ")
    assert sentence in err
