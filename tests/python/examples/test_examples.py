"""Every example in Python runs as a reader would run it. Those in C++ are run by ctest."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ..runtime.tiny_policy import write_tiny_bundle  # noqa: TID252 (tests are no package that could be named)

EXAMPLES = Path(__file__).parents[3] / "examples"


def example(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def test_there_is_one_in_each_language_for_each_number() -> None:
    names = {path.stem for path in EXAMPLES.glob("0*.py")}
    assert names == {path.stem for path in EXAMPLES.glob("0*.cpp")}
    assert len(names) >= 3


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("01_robot.py", "the shoulder swung out to 0.4"),
        ("02_camera.py", "25 frames of 64x48"),
        ("03_loop.py", "hold (time over)"),
    ],
)
def test_it_runs(name: str, words: str) -> None:
    result = example(name)
    assert (result.returncode, result.stderr) == (0, "")
    assert words in result.stdout


def test_the_loop_runs_a_bundle_that_fits_the_arm(tmp_path: Path) -> None:
    bundle = write_tiny_bundle(tmp_path / "two-joint", (0.02, 0.0), names=("shoulder", "elbow"))
    result = example("03_loop.py", str(bundle), "lift the red block")
    assert (result.returncode, result.stderr) == (0, "")
    assert "chunks, 0 rejected" in result.stdout


def test_a_bundle_for_another_arm_is_refused_with_both_sides(tmp_path: Path) -> None:
    bundle = write_tiny_bundle(tmp_path / "other", (0.02, 0.0), names=("shoulder", "wrist"))
    result = example("03_loop.py", str(bundle), "lift the red block")
    assert result.returncode == 2
    assert "action wrist [rad] linear" in result.stderr


def test_the_communication_test_tells_rates_and_ages(tmp_path: Path) -> None:
    result = example("communication_test.py", "--rate", "200", "--duration", "0.5", "--priority", "0", "--json")
    # 1 is for a machine too busy to be trusted with a robot: the figures are there all the same.
    assert result.returncode in (0, 1), result.stderr
    report = json.loads(result.stdout)
    assert report["states"] > 0
    assert (result.returncode == 0) == (report["problems"] == [])


def test_the_communication_test_refuses_a_file_without_devices(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("x = 1\n")
    result = example("communication_test.py", str(file))
    assert (result.returncode, result.stdout) == (2, "")
    assert "has no function open_devices()" in result.stderr
    file.write_text("def open_devices():\n    return 3\n")
    assert "returned int, not retain.runtime.Devices" in example("communication_test.py", str(file)).stderr
