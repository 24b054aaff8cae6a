import pytest
from retain._core import runtime as core
from retain.errors import ConfigError

NORMAL_CLASS = core.RealtimeRequest(None, None, False)


def test_it_counts_every_tick_of_its_time() -> None:
    result = core.benchmark_tick(14, 200.0, 0.5, NORMAL_CLASS)
    assert result["ticks"] == result["lateness"]["count"] == sum(count for _, count in result["lateness_counts"])
    assert result["ticks"] + result["skipped"] == pytest.approx(200.0 * result["duration_s"], abs=3)
    assert result["duration_s"] > 0.5  # its time, then the ramp to rest
    assert 0 < result["body"]["p50_s"] <= result["body"]["p999_s"] <= result["body"]["max_s"]


def test_the_tick_gives_up_its_core_only_to_sleep_and_touches_no_new_page() -> None:
    result = core.benchmark_tick(14, 200.0, 1.0, core.RealtimeRequest(None, None, True))
    assert result["voluntary_switches"] <= result["ticks"]
    if all(grant["granted"] for grant in result["realtime"]):
        assert result["page_faults"] == 0


def test_more_joints_than_the_loop_drives_are_refused() -> None:
    with pytest.raises(ConfigError, match="1 to 32 joints"):
        core.benchmark_tick(33, 200.0, 0.5, NORMAL_CLASS)
