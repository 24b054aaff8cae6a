import threading
from pathlib import Path

import pytest
from retain.cli.main import main
from retain.flight.live import watch

from .conftest import Flight

rr = pytest.importorskip("rerun")


def recorded(path: Path) -> str:
    """What a rerun file talks about: entity paths stand in it as plain text."""
    return path.read_bytes().decode("latin-1")


def test_a_finished_flight_becomes_a_rerun_file(
    flight: Flight, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["watch", str(flight.file), "--save", str(tmp_path / "run.rrd")]) == 0
    assert capsys.readouterr().out.startswith("showed ")
    text = recorded(tmp_path / "run.rrd")
    for entity in ("/shoulder_pan/sent", "/wrist_3/measured", "/observation/front", "/event", "/lateness_ms"):
        assert entity in text


def test_a_file_that_is_still_growing_is_followed_to_its_end(flight: Flight, tmp_path: Path) -> None:
    whole, growing = flight.file.read_bytes(), tmp_path / "growing.mcap"
    growing.write_bytes(whole[:5000])
    alone, followed = rr.RecordingStream("alone"), rr.RecordingStream("followed")
    alone.save(tmp_path / "alone.rrd")
    followed.save(tmp_path / "followed.rrd")

    def write() -> None:
        with growing.open("ab") as file:
            for start in range(5000, len(whole), 7777):
                file.write(whole[start : min(start + 7777, len(whole))])
                file.flush()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert watch(growing, followed) == watch(flight.file, alone)
    finally:
        writer.join()
        for stream in (alone, followed):
            stream.disconnect()


def test_a_watch_ends_when_it_is_told_to(flight: Flight, tmp_path: Path) -> None:
    torn = tmp_path / "torn.mcap"
    torn.write_bytes(flight.file.read_bytes()[:-100])
    stream = rr.RecordingStream("torn")
    stream.save(tmp_path / "torn.rrd")
    assert watch(torn, stream, goes_on=lambda: False) > 0
    stream.disconnect()
