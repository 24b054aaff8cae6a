from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from retain.cli.main import main
from retain.errors import FlightError
from retain.flight.plot import Drawn, _share_of_limits, plot_flight

from .conftest import Flight


def test_a_flight_is_drawn_from_its_file_and_from_its_record(
    flight: Flight, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flight.run.record.save(tmp_path / "run.npz")
    for source in (flight.file, tmp_path / "run.npz"):
        picture = tmp_path / f"{source.suffix[1:]}.png"
        assert main(["plot", str(source), "-o", str(picture)]) == 0
        assert capsys.readouterr().out == f"{picture}\n"
        assert picture.read_bytes().startswith(b"\x89PNG")


def test_fourteen_channels_stand_in_two_columns(flight: Flight, tmp_path: Path) -> None:
    drawn = Drawn.open(flight.file)
    ticks = drawn.ticks
    series = ("measured", "policy", "planned", "sent")
    twice = {name: np.concatenate([getattr(ticks, name)] * 2, axis=1) for name in series}
    names = (*(f"left_{name}" for name in ticks.channels), *(f"right_{name}" for name in ticks.channels))
    both = replace(
        drawn,
        ticks=replace(ticks, channels=names, **twice),
        units=drawn.units * 2,
        velocity=np.concatenate([drawn.velocity] * 2),
    )
    assert plot_flight(both, tmp_path / "both.png").stat().st_size > 10_000


def test_speed_counts_a_step_as_one_nominal_period(flight: Flight) -> None:
    # Divided by recorded wake-ups, whose jitter is theirs, it would pass 100 % although every limit was kept.
    drawn = Drawn.open(flight.file)
    fast = np.zeros_like(drawn.ticks.sent)
    fast[:, 0] = np.arange(len(fast)) * drawn.velocity[0] / drawn.rate_hz
    jittered = drawn.ticks.time_s + np.random.default_rng(0).uniform(0, 2e-3, len(fast))
    share = _share_of_limits(replace(drawn, ticks=replace(drawn.ticks, sent=fast, time_s=jittered)))
    assert share is not None
    assert share.max() == pytest.approx(1.0)


def test_what_cannot_be_drawn_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "run.npz").write_text("no")
    with pytest.raises(FlightError, match="no flight record"):
        Drawn.open(tmp_path / "run.npz")
    assert main(["plot", str(tmp_path / "nowhere.mcap")]) == 2
