"""Some seconds of the whole rig without its hardware: software camera, emulated servos, exported policy, bad cable."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

RIG = Path(__file__).parents[3] / "benchmarks" / "rig.py"


@pytest.mark.slow
def test_camera_arm_and_bundle_run_together_through_a_bad_cable(tmp_path: Path) -> None:
    for name in ("torch", "onnx", "onnxscript", "onnxruntime", "matplotlib"):
        pytest.importorskip(name)
    try:
        import pyrealsense2  # noqa: F401
    except ImportError as error:
        pytest.skip(f"pyrealsense2 or the libusb it needs is missing ({error}); docs/realsense.md says how to install")
    output = tmp_path / "rig.json"
    # Patient and without real-time priority: what is tested must not depend on how busy the machine is.
    busy = ("--patience", "20", "--priority", "0")
    process = subprocess.run(
        [sys.executable, RIG, "--minutes", "0.2", *busy, "--output", output],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    result = json.loads(output.read_text())
    report, wire = result["report"], result["wire"]
    assert all(result["verdict"].values())
    assert (report["state"], report["cause"]) == ("hold", "time_over")
    assert report["chunks"] > 2
    assert report["cameras"][0]["frames"] > 10
    assert report["cameras"][0]["losses"] == 0
    assert report["robot"]["answers missing"] > 0
    assert wire["goals"] > 100
    assert result["black_boxes_written"] == 0
    assert output.with_suffix(".png").stat().st_size > 10_000
