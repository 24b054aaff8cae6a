"""The benchmark's shape, on the real tick in the normal class. No speed is asserted: a machine may be busy."""

import json
import stat
from pathlib import Path

import pytest
from retain.bench.distribution import Distribution
from retain.bench.loop import LoopBench, LoopBenchSettings, bench_loop, missed_goals
from retain.bench.loop_table import fact_rows, latency_rows
from retain.cli.main import main
from retain.errors import ConfigError

QUICK = ("--segments", "2", "--seconds", "0.2", "--rate", "200", "--priority", "0")


@pytest.fixture
def cyclictest(tmp_path: Path) -> str:
    """A program that prints what cyclictest prints: 100 wake-ups, all 40 µs late."""
    program = tmp_path / "cyclictest"
    program.write_text("#!/bin/sh\necho '000040 000100'\necho '# Max Latencies: 00041'\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return str(program)


def measured(cyclictest: str | None = None) -> LoopBench:
    return bench_loop(LoopBenchSettings(rate_hz=200.0, priority=0, segments=2, seconds=0.2, cyclictest=cyclictest))


def test_both_take_turns_and_are_compared_by_their_medians(cyclictest: str) -> None:
    result = measured(cyclictest)
    assert len(result.segment_medians["tick"]) == len(result.segment_medians["cyclictest"]) == 2
    assert result.cyclictest is not None
    assert result.cyclictest.count == 200
    assert result.segment_medians["cyclictest"] == (40.5, 40.5)
    ticks = sorted(result.segment_medians["tick"])
    assert result.lateness_ratio == pytest.approx((ticks[0] + ticks[1]) / 2 / 40.5)
    assert result.lateness.count == result.totals["ticks"]


def test_without_cyclictest_there_is_no_ratio_and_that_is_told() -> None:
    result = measured()
    assert result.lateness_ratio is None
    assert ("lateness, ratio to cyclictest", "not measured: no cyclictest") in fact_rows(result)
    assert [row[0] for row in latency_rows(result)] == ["wake-up lateness", "tick body"]


def test_the_figures_stand_beside_what_the_computer_is(cyclictest: str) -> None:
    told = measured(cyclictest).to_json()
    json.dumps(told, allow_nan=False)
    assert {"cpu", "kernel", "load_1min", "steal_percent"} <= set(told["machine"])
    assert {"kernel", "clock source"} <= {finding["what"] for finding in told["realtime_findings"]}
    assert {"page_faults", "voluntary_switches", "commands_per_s", "actions_per_s"} <= set(told["totals"])


def test_goals_that_are_missed_are_named() -> None:
    fine = Distribution({1.0: 1000}, 1.0)
    slow = Distribution({6.0: 998, 30.0: 2}, 30.0)
    result = measured()
    good = LoopBench(**{**vars(result), "body": fine, "missed": ()})
    assert missed_goals(good) == ()
    medians = {"tick": (45.0,), "cyclictest": (40.0,)}
    bad = LoopBench(**{**vars(good), "body": slow, "cyclictest": fine, "segment_medians": medians})
    assert [sentence.split(" is ")[0] for sentence in missed_goals(bad)] == [
        "tick body p50",
        "tick body p99.9",
        "the median lateness",
    ]


def test_the_command_writes_json_and_a_picture(
    cyclictest: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    output, picture = tmp_path / "out" / "loop.json", tmp_path / "loop.png"
    code = main(
        ["bench", "loop", *QUICK, "--cyclictest", cyclictest, "--output", str(output), "--picture", str(picture)]
    )
    told = json.loads(output.read_text())
    assert code == (1 if told["missed"] else 0)
    assert picture.read_bytes().startswith(b"\x89PNG")
    out = capsys.readouterr().out
    assert out.startswith("µs\tp50\tp99\tp99.9\tmax\nwake-up lateness\t")
    assert "page faults on the tick" in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--rate", "0"), "rate is 0 Hz"),
        (("--priority", "100"), "priority is 100"),
        (("--segments", "0"), "0 segments"),
        (("--joints", "33"), "1 to 32 joints"),
        (("--cyclictest", "/nowhere"), "/nowhere is not a program"),
    ],
)
def test_mistakes_exit_with_2_and_a_sentence(
    arguments: tuple[str, str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "loop", *QUICK, *arguments]) == 2
    assert sentence in capsys.readouterr().err


def test_settings_are_checked_in_python_too() -> None:
    with pytest.raises(ConfigError, match="expected 1 to 10000"):
        LoopBenchSettings(rate_hz=20_000.0)
