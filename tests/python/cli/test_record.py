import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from retain.cli.main import main
from retain.data import Dataset
from retain.sim import DEMO_SKILL, PRETRAINING, parse_instruction

DEMO = ["record", "--skill", "place the red block near right"]


def test_demonstrations_of_one_skill(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*DEMO, "--episodes", "3", "-o", str(tmp_path / "demos"), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    dataset = Dataset(tmp_path / "demos")
    assert summary["episodes"] == dataset.num_episodes == 3
    assert dataset.fps == 10
    assert {parse_instruction(task) for task in dataset.tasks} == {DEMO_SKILL}
    assert dataset.column("action").shape == (dataset.num_frames, 7)
    assert dataset.images("observation.images.front", indices=[0]).shape == (1, 64, 64, 3)


def test_pretraining_is_the_mix_and_two_seeds_differ(tmp_path: Path) -> None:
    for seed in ("0", "1"):
        arguments = ["record", "--pretraining", "-n", "4", "--seed", seed, "-o", str(tmp_path / seed)]
        assert main(arguments) == 0
    first, second = Dataset(tmp_path / "0"), Dataset(tmp_path / "1")
    assert {parse_instruction(task) for task in (*first.tasks, *second.tasks)} <= set(PRETRAINING)
    assert not np.array_equal(first.column("observation.state")[0], second.column("observation.state")[0])


def test_an_existing_dataset_is_replaced_only_by_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [*DEMO, "-n", "1", "-o", str(tmp_path / "demos")]
    assert main(arguments) == 0
    assert main([*arguments, "--seed", "1"]) == 2
    assert "--force" in capsys.readouterr().err
    assert main([*arguments, "--seed", "1", "--force"]) == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--skill", "make coffee"], "does not understand 'make coffee'"),
        (["--skill", "lift the red block", "-n", "0"], "--episodes of at least 1"),
        (["--pretraining", "--noise", "-1"], "--noise of at least 0"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(
    arguments: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["record", *arguments, "-o", str(tmp_path / "demos")]) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("after_s", [0.1, 0.5])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_interrupted_recording_leaves_nothing_and_says_so(tmp_path: Path, workers: str, after_s: float) -> None:
    command = [sys.executable, "-m", "retain.cli", "record", "--pretraining", "-n", "5000", "--workers", workers]
    with subprocess.Popen(
        [*command, "-o", str(tmp_path / "data")], stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            deadline = time.monotonic() + 60
            while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
                time.sleep(0.05)
            time.sleep(after_s)
            os.killpg(process.pid, signal.SIGINT)  # As a terminal does: workers get it too, most likely as they start.
            _, error = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert error == "retain record: interrupted\n"
    assert not list(tmp_path.iterdir())
