import stat
from pathlib import Path

import pytest
from retain.bench.cyclictest import find_cyclictest, parse_histogram, run_cyclictest
from retain.errors import ConfigError

PRINTED = """# /dev/cpu_dma_latency set to 0us
# Histogram
000000 000000
000019 000007
000020 1234567
000021 000000
# Total: 001234577
# Min Latencies: 00019
# Avg Latencies: 00020
# Max Latencies: 123456
# Histogram Overflows: 00003
# Histogram Overflow at cycle number:
# Thread 0: 00642 00691 00900
"""


def test_counts_of_any_length_are_read() -> None:
    run = parse_histogram(PRINTED)
    assert run.counts == {19: 7, 20: 1234567}
    assert (run.overflows, run.max_us) == (3, 123456.0)


@pytest.mark.parametrize("text", ["", "# Max Latencies: 00020\n", "000019 000007\n"])
def test_output_without_a_histogram_is_a_sentence(text: str) -> None:
    with pytest.raises(ConfigError, match="apt install rt-tests"):
        parse_histogram(text)


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_it_is_asked_for_the_ticks_own_priority_interval_and_core(tmp_path: Path) -> None:
    program = script(tmp_path / "cyclictest", f'echo "$@" > {tmp_path}/asked; cat <<X\n{PRINTED}X')
    run_cyclictest(program, priority=80, interval_us=2000, seconds=3.0, cpu=1)
    asked = (tmp_path / "asked").read_text().split()
    assert asked == ["-q", "-m", "-t1", "-p80", "-i2000", "-l1500", "-h100000", "-a1"]


def test_a_failure_is_told_in_its_own_words(tmp_path: Path) -> None:
    program = script(tmp_path / "cyclictest", "echo 'Unable to change scheduling policy!' >&2; exit 1")
    with pytest.raises(ConfigError, match="Unable to change scheduling policy"):
        run_cyclictest(program, priority=80, interval_us=2000, seconds=0.1, cpu=None)


def test_a_program_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a program"):
        find_cyclictest(str(tmp_path / "nowhere"))
