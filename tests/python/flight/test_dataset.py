from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from retain.cli.main import main
from retain.data import Dataset
from retain.errors import FlightError
from retain.flight import read
from retain.flight.dataset import export_dataset
from retain.flight.resample import nearest, resample

from .conftest import TASK, Flight

pytest.importorskip("pyarrow")


def test_a_flight_becomes_an_episode_that_says_what_was_sent(flight: Flight, tmp_path: Path) -> None:
    log = read(flight.file)
    (done,) = export_dataset([log], tmp_path / "flown")
    dataset = Dataset(tmp_path / "flown")
    assert (dataset.fps, dataset.num_episodes, dataset.num_frames) == (10, 1, done.rows)
    assert dataset.task_texts == [TASK] * done.rows
    assert dataset.features["action"].names == log.ticks.channels
    ticks = log.ticks
    playing = np.flatnonzero((ticks.chunk > 0) & (ticks.state == ticks.states.index("running")))
    begin = ticks.time_s[playing[0]]
    assert done.rows == pytest.approx((ticks.time_s[playing[-1]] - begin) / 0.1, abs=1)
    action, state = dataset.column("action"), dataset.column("observation.state")
    for row in range(done.rows):
        # Between two ticks the command is a line: the oracle is numpy's, on one joint at a time.
        sent = np.interp(begin + 0.1 * (row + 1), ticks.time_s, ticks.sent[:, 5])
        assert action[row, 5] == pytest.approx(sent, abs=1e-6)
        measured = np.interp(begin + 0.1 * row, ticks.time_s, ticks.measured[:, 0])
        assert state[row, 0] == pytest.approx(measured, abs=1e-6)


def test_the_numbers_are_in_a_policys_units_where_they_are_given(flight: Flight, tmp_path: Path) -> None:
    log = read(flight.file)
    units = {name: 0.01 * (1 + index) for index, name in enumerate(log.ticks.channels)}
    export_dataset([log], tmp_path / "plain")
    export_dataset([log], tmp_path / "scaled", units=units)
    for feature in ("observation.state", "action"):
        plain, scaled = (Dataset(tmp_path / name).column(feature) for name in ("plain", "scaled"))
        names = Dataset(tmp_path / "plain").features[feature].names
        np.testing.assert_allclose(scaled * [units[name] for name in names], plain, rtol=1e-5, atol=1e-6)
    with pytest.raises(FlightError, match="whose unit is not said"):
        export_dataset([log], tmp_path / "none", units={"elbow": 1.0})


def test_each_row_has_the_picture_taken_nearest_to_it(flight: Flight, tmp_path: Path) -> None:
    log = read(flight.file)
    (done,) = export_dataset([log], tmp_path / "flown")
    images = Dataset(tmp_path / "flown").images("observation.images.front")
    taken = {picture.rgb.tobytes(): picture.sensor_ns for picture in log.frames("front")}
    ticks = log.ticks
    playing = np.flatnonzero((ticks.chunk > 0) & (ticks.state == ticks.states.index("running")))
    for row, image in enumerate(images):
        instant_ns = log.start_ns + 1e9 * (ticks.time_s[playing[0]] + 0.1 * row)
        offset_s = abs(taken[image.tobytes()] - instant_ns) * 1e-9
        assert offset_s <= done.largest_frame_offset_s + 1e-6


def test_several_flights_are_several_episodes(flight: Flight, tmp_path: Path) -> None:
    assert main(["export-dataset", str(flight.file), str(flight.file), "-o", str(tmp_path / "two"), "--json"]) == 0
    assert Dataset(tmp_path / "two").num_episodes == 2
    assert main(["export-dataset", str(flight.file), "-o", str(tmp_path / "two")]) == 2


def test_flights_that_do_not_belong_together_or_never_moved_are_refused(flight: Flight, tmp_path: Path) -> None:
    log = read(flight.file)
    with pytest.raises(FlightError, match="export them apart"):
        export_dataset([log, replace(log, dt_s=0.2)], tmp_path / "flown")
    still = replace(log, ticks=replace(log.ticks, chunk=np.zeros_like(log.ticks.chunk)))
    with pytest.raises(FlightError, match="no chunk was ever played"):
        export_dataset([still], tmp_path / "flown")
    assert not (tmp_path / "flown").exists()


def test_resampling_interpolates_joints_and_holds_switches() -> None:
    time_s = np.array([0.0, 1.0, 2.0])
    values = np.array([[0.0, 0.0], [2.0, 1.0], [4.0, 0.0]])
    got = resample(time_s, values, np.array([0.5, 1.0, 1.75]), ("linear", "hold"))
    np.testing.assert_allclose(got, [[1.0, 0.0], [2.0, 1.0], [3.5, 1.0]])
    np.testing.assert_array_equal(nearest(time_s, np.array([-1.0, 0.4, 0.6, 5.0])), [0, 0, 1, 2])
    np.testing.assert_array_equal(nearest(np.array([3.0]), np.array([-1.0, 9.0])), [0, 0])
