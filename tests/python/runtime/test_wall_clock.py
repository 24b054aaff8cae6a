"""The wall clock is set forwards and back while the loop's tick runs, and control does not notice.

A small library moves CLOCK_REALTIME for one process and leaves CLOCK_MONOTONIC alone, which is what setting the clock
does. Setting this machine's own clock is not a test's business; Linux' time namespaces have no wall clock of their own;
libfaketime 0.9.10 breaks absolute sleeps on CLOCK_MONOTONIC.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("stepped_wall_clock.c")
COMPILER = shutil.which("cc") or shutil.which("gcc")

TICK = """
import json, sys, threading, time
from pathlib import Path
from retain._core import runtime as core

offset, steps = Path(sys.argv[1]), sys.argv[2:]
seen = []

def step():
    for one in steps:
        time.sleep(0.5)
        offset.write_text(one)
        seen.append(time.time() - time.monotonic())

walls = threading.Thread(target=step)
before, began = time.time() - time.monotonic(), time.monotonic()
walls.start()
result = core.benchmark_tick(14, 200.0, 2.5, core.RealtimeRequest(None, None, False))
took = time.monotonic() - began
walls.join()
print(json.dumps({"result": result, "took": took, "walls": [wall - before for wall in seen]}))
"""


@pytest.mark.skipif(COMPILER is None, reason="no C compiler for the library that steps the wall clock")
def test_steps_of_the_wall_clock_neither_freeze_nor_hurry_the_tick(tmp_path: Path) -> None:
    library, offset = tmp_path / "stepped.so", tmp_path / "offset"
    subprocess.run([str(COMPILER), "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE)], check=True, timeout=120)
    offset.write_text("0")
    environment = os.environ | {"LD_PRELOAD": str(library), "STEPPED_WALL_CLOCK": str(offset)}
    command = [sys.executable, "-c", TICK, str(offset), "3600", "-86400", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True, env=environment)
    told = json.loads(done.stdout)
    assert told["walls"] == pytest.approx([3600, -86400, 0], abs=60)  # the steps were real for this process
    result, took = told["result"], told["took"]
    assert took < 100
    periods = result["ticks"] + result["skipped"]
    assert periods == pytest.approx(200.0 * result["duration_s"], abs=3)  # each period had its tick, or was skipped
    assert result["duration_s"] == pytest.approx(2.5, abs=1.0)  # and the run was as long as it was to be
    assert result["lateness"]["max_s"] < 60  # no tick waited for an hour that never passed
    # Rows of a chunk are chosen by time: ten a second, and the first one of each new chunk.
    assert 10 <= result["actions"] <= 10 * took + result["chunks"] + 2
