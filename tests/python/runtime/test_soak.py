"""The soak, short: the benchmark itself, on the tests' tiny bundle, with real threads, physics and pictures."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).parents[3] / "benchmarks" / "soak.py"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_fault_every_few_seconds_is_met_with_its_cause_and_the_arm_goes_on(drifting: Path, tmp_path: Path) -> None:
    output = tmp_path / "soak.json"
    command = [sys.executable, str(SOAK), "--bundle", str(drifting), "--strategy", "async", "--every", "4"]
    done = subprocess.run(
        [*command, "--minutes", "1.0", "--output", str(output)],
        capture_output=True, text=True, check=False, timeout=500, env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert output.exists(), done.stderr
    result = json.loads(output.read_text())
    assert len({event["kind"] for event in result["faults"]}) >= 5
    # An hour shows whether memory grows; a minute cannot, while allocators and caches still fill.
    assert all(good for claim, good in result["verdict"].items() if "memory" not in claim), result["verdict"]
