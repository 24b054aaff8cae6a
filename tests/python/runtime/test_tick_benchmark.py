import pytest
from retain._core import runtime as core
from retain.errors import ConfigError

NORMAL_CLASS = core.RealtimeRequest(None, None, False)


def test_it_counts_every_tick_of_its_time() -> None:
    result = core.benchmark_tick(14, 200.0, 0.5, NORMAL_CLASS)
    assert result["lateness"]["count"] + result["skipped"] == pytest.approx(100, abs=15)  # and the ramp at its end
    assert 0 < result["body"]["p50_s"] <= result["body"]["p999_s"] <= result["body"]["max_s"]


def test_more_joints_than_the_loop_drives_are_refused() -> None:
    with pytest.raises(ConfigError, match="1 to 32 joints"):
        core.benchmark_tick(33, 200.0, 0.5, NORMAL_CLASS)
