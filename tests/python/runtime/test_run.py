from pathlib import Path

import numpy as np
import pytest
from retain.bundle import Bundle
from retain.bundle.interface import ChannelLimits
from retain.errors import BundleError, ConfigError
from retain.runtime import Run, RunConfiguration, Status, run_bundle
from retain.runtime.mujoco import TabletopRun, open_tabletop
from retain.sim import LIMITS, episodes, parse_instruction

from .tiny_policy import CHANNELS, DRIFT, TASK, write_tiny_bundle


def tabletop() -> TabletopRun:
    return open_tabletop(episodes("id", parse_instruction(TASK), 1, seed=0)[0])


def run(bundle: Path, configuration: RunConfiguration) -> Run:
    return run_bundle(Bundle.open(bundle), tabletop().devices, TASK, configuration)


def assert_within_limits(run: Run, rate_hz: float) -> None:
    sent = run.record.sent[:, :6]
    assert np.isfinite(run.record.sent).all()
    assert (sent >= LIMITS.position_min).all()
    assert (sent <= LIMITS.position_max).all()
    steps = np.diff(sent, axis=0)
    assert (np.abs(steps) <= LIMITS.velocity / rate_hz + 1e-9).all()
    assert (np.abs(np.diff(steps, axis=0)) <= LIMITS.acceleration / rate_hz**2 + 1e-9).all()


def test_a_bundle_moves_the_joints_it_names_at_the_speed_it_says(drifting: Path, patient: RunConfiguration) -> None:
    result = run(drifting, patient)
    report, record = result.report, result.record
    assert (report.state, report.cause, report.faulted) == ("hold", "time_over", False)
    assert report.chunks >= 2
    assert report.ticks == len(record.time_s)
    assert record.channels == CHANNELS
    moved = record.sent[-1] - record.sent[0]
    assert moved[0] > 0.1
    assert moved[5] > 0.15
    assert np.abs(moved[[1, 2, 3, 4, 6]]).max() < 0.02  # deltas follow the measurement, which sags a little
    assert np.abs(record.measured[-1, :6] - record.sent[-1, :6]).max() < 0.05
    assert_within_limits(result, patient.rate_hz)


def test_the_order_of_a_policys_channels_does_not_matter(tmp_path: Path, patient: RunConfiguration) -> None:
    reverse = tuple(reversed(CHANNELS))
    result = run(write_tiny_bundle(tmp_path / "bundle", tuple(reversed(DRIFT)), names=reverse), patient)
    moved = result.record.sent[-1] - result.record.sent[0]
    assert moved[0] > 0.1
    assert moved[5] > 0.15
    assert np.abs(moved[[1, 2, 3, 4, 6]]).max() < 0.02


def test_a_policy_of_nan_never_moves_the_arm_and_ends_in_a_fault(tmp_path: Path, patient: RunConfiguration) -> None:
    result = run(write_tiny_bundle(tmp_path / "bundle", DRIFT, poison=True), patient)
    assert (result.report.state, result.report.cause) == ("fault", "rejected_chunks")
    assert result.report.rejected_not_finite == 2
    assert result.report.chunks == 0
    assert (result.record.sent == result.record.sent[0]).all()


def test_a_policy_that_asks_for_too_much_is_held_to_the_limits(tmp_path: Path, patient: RunConfiguration) -> None:
    result = run(write_tiny_bundle(tmp_path / "bundle", (1.0, -2.0, 5.0, -9.0, 0.5, 3.0, 2.0)), patient)
    assert not result.report.faulted
    assert sum(channel.admission_velocity for channel in result.report.channels) > 0
    assert_within_limits(result, patient.rate_hz)


def test_a_bundles_stricter_limits_hold(tmp_path: Path, patient: RunConfiguration) -> None:
    limits = (ChannelLimits(velocity=0.05), *(ChannelLimits() for _ in CHANNELS[1:]))
    result = run(write_tiny_bundle(tmp_path / "bundle", DRIFT, limits=limits), patient)
    steps = np.diff(result.record.sent[:, 0])
    assert np.abs(steps).max() <= 0.05 / patient.rate_hz + 1e-9
    assert np.abs(steps).max() > 0.04 / patient.rate_hz


def test_sync_plays_the_rows_of_evaluation_and_waits(drifting: Path, patient: RunConfiguration) -> None:
    result = run(drifting, patient.model_copy(update={"strategy": "sync", "execute_rows": 4}))
    record = result.record
    assert result.report.holds >= 2
    assert record.row[record.chunk > 0].max() == 3


def test_success_ends_the_run_and_is_timed(drifting: Path, patient: RunConfiguration) -> None:
    seen: list[float] = []

    def watch(status: Status) -> bool:
        seen.append(status.running_s)
        return status.running_s > 0.5

    result = run_bundle(Bundle.open(drifting), tabletop().devices, TASK, patient, watch=watch)
    assert result.report.success is True
    assert result.report.success_s == seen[-1]
    assert result.report.state == "hold"
    assert result.report.duration_s < 2.0


def test_an_onlooker_that_fails_brings_the_arm_to_rest_and_is_heard(drifting: Path, patient: RunConfiguration) -> None:
    def watch(status: Status) -> bool:
        raise RuntimeError("looked away")

    with pytest.raises(RuntimeError, match="looked away"):
        run_bundle(Bundle.open(drifting), tabletop().devices, TASK, patient, watch=watch)
    assert run(drifting, patient).report.state == "hold"  # and the next run is free to start


def test_a_robot_whose_joints_do_not_match_is_refused_with_both_sides(
    tmp_path: Path, patient: RunConfiguration
) -> None:
    names = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_1", "wrist_2", "wrist_3", "suction")
    bundle = write_tiny_bundle(tmp_path / "bundle", DRIFT, names=names)
    with pytest.raises(BundleError, match="does not fit the robot mujoco") as refusal:
        run(bundle, patient)
    message = str(refusal.value)
    assert "action elbow_flex [rad] linear" in message
    assert "action elbow [rad] linear" in message
    assert "wrist_1" not in message


def test_a_configuration_that_cannot_work_is_refused_with_its_numbers(
    drifting: Path, patient: RunConfiguration
) -> None:
    with pytest.raises(ConfigError, match=r"after 16 rows \(--execute-rows\) nothing is left .* give --execute-rows 8"):
        run(drifting, patient.model_copy(update={"execute_rows": 16}))
    with pytest.raises(ConfigError, match=r"rate_hz is 5\.0"):
        RunConfiguration.checked(rate_hz=5.0)


def test_the_record_is_saved_with_its_names(drifting: Path, patient: RunConfiguration, tmp_path: Path) -> None:
    result = run(drifting, patient.model_copy(update={"duration_s": 0.5}))
    result.record.save(tmp_path / "run.npz")
    with np.load(tmp_path / "run.npz") as saved:
        assert tuple(saved["channels"]) == CHANNELS
        assert (saved["sent"] == result.record.sent).all()
        assert saved["state"].max() < len(saved["states"])
