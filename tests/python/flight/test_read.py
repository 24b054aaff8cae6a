"""What the loop wrote is what is read, by us and by the format's own libraries."""

import io
import random
from pathlib import Path

import numpy as np
import pytest
from retain.errors import FlightError
from retain.flight import read
from retain.flight.messages import decode_observation, decode_picture
from retain.flight.replay import replay

from .conftest import TASK, Flight

reader = pytest.importorskip("mcap.reader")

HEAD_BYTES = 4000
"""More than the head, which is written at once; a file cut within it tells nothing."""


def test_the_file_holds_what_the_loop_kept_in_memory(flight: Flight) -> None:
    log, kept = read(flight.file), flight.run.record
    assert log.complete
    for name in ("lateness_s", "chunk", "row", "state", "reaction", "measured", "policy", "planned", "sent"):
        np.testing.assert_array_equal(getattr(log.ticks, name), getattr(kept, name))
    np.testing.assert_allclose(log.ticks.time_s, kept.time_s, atol=1e-9)
    assert (log.ticks.channels, log.ticks.states) == (kept.channels, kept.states)


def test_the_head_tells_what_a_stranger_must_know(flight: Flight) -> None:
    log = read(flight.file)
    assert log.metadata["instruction"] == TASK
    assert log.metadata["strategy"] == "async"
    assert log.units == ("rad",) * 6 + ("1",)
    assert (log.rate_hz, log.dt_s) == (200.0, 0.1)
    assert np.isfinite(log.limits.velocity[:6]).all()
    assert np.isinf(log.limits.velocity[6])
    assert log.end == {
        "state": "hold",
        "cause": "time_over",
        "ticks_lost": "0",
        "observations_lost": "0",
        "frames_lost": "0",
    }


def test_every_answer_is_there_with_its_pictures(flight: Flight) -> None:
    log, report = read(flight.file), flight.run.report
    assert len(log.answers) == report.requests - report.recording.lost_observations
    assert [answer.chunk.id for answer in log.answers] == list(range(1, len(log.answers) + 1))
    pictures = list(log.seen("front"))
    assert [picture.number for picture in pictures] == [answer.chunk.id for answer in log.answers]
    for answer, picture in zip(log.answers, pictures, strict=True):
        assert picture.rgb.shape == (64, 64, 3)
        assert picture.rgb.std() > 0
        assert picture.sensor_ns == answer.observation.observed_ns <= answer.observation.asked_ns
        assert answer.observation.asked_ns <= answer.observation.answered_ns
    assert len(list(log.frames("front"))) >= 10


def test_events_tell_the_states_in_order(flight: Flight) -> None:
    states = [event.text for event in read(flight.file).events if event.text.startswith("state")]
    assert states[0] == "state armed"
    assert states[1] == "state running"
    assert states[-1] == "state hold, cause time_over"
    assert not any(event.is_fault for event in read(flight.file).events)


def test_the_formats_own_libraries_read_it_without_our_help(flight: Flight) -> None:
    ros2 = pytest.importorskip("mcap_ros2.decoder")
    log = read(flight.file)
    counts: dict[str, int] = {}
    with flight.file.open("rb") as file:
        made = reader.make_reader(file, validate_crcs=True, decoder_factories=[ros2.DecoderFactory()])
        for schema, channel, message, decoded in made.iter_decoded_messages():
            index = counts[channel.topic] = counts.get(channel.topic, -1) + 1
            if channel.topic == "/tick":
                assert decoded.sent == log.ticks.sent[index].tolist()
                assert (decoded.state, decoded.row) == (log.ticks.state[index], log.ticks.row[index])
            elif channel.topic == "/observation":
                ours = decode_observation(message.data)
                assert decoded.answer == ours.answer.tolist()
                assert (decoded.strategy, decoded.stream) == (ours.strategy, ours.stream)
                assert list(decoded.frame_numbers) == ours.frame_numbers.tolist()
                assert list(decoded.left_over) == []
            elif channel.topic == "/chunk":
                assert decoded.planned == log.answers[index].chunk.planned.reshape(-1).tolist()
                assert decoded.outcome == "published"
            elif schema.name == "sensor_msgs/msg/Image":
                assert bytes(decoded.data) == decode_picture(0, message.data).rgb.tobytes()
                assert (decoded.encoding, decoded.header.frame_id) == ("rgb8", "front")
            else:
                assert decoded.msg == log.events[index].text
        names = {record.name for record in made.iter_metadata()}
    assert {topic: last + 1 for topic, last in counts.items()}["/tick"] == len(log.ticks.time_s)
    assert set(counts) == {"/tick", "/event", "/observation", "/chunk", "/observation/front", "/camera/front"}
    assert names == {"retain.run", "retain.end"}


def test_a_file_cut_anywhere_is_read_as_far_as_it_goes(flight: Flight, tmp_path: Path) -> None:
    whole, log = flight.file.read_bytes(), read(flight.file)
    draw = random.Random(3)
    cut, ticks = tmp_path / "cut.mcap", []
    for length in sorted(draw.randrange(HEAD_BYTES, len(whole)) for _ in range(30)):
        cut.write_bytes(whole[:length])
        part = read(cut)
        n = len(part.ticks.time_s)
        ticks.append(n)
        assert not part.complete
        np.testing.assert_array_equal(part.ticks.sent, log.ticks.sent[:n])
        assert [answer.chunk.id for answer in part.answers] == list(range(1, len(part.answers) + 1))
    assert ticks == sorted(ticks)
    assert ticks[-1] > 0
    cut.write_bytes(whole[:100])
    with pytest.raises(FlightError, match="nothing was recorded"):
        read(cut)


def test_a_file_damaged_in_its_middle_is_read_up_to_there(flight: Flight, tmp_path: Path) -> None:
    damaged = bytearray(flight.file.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    (tmp_path / "damaged.mcap").write_bytes(damaged)
    log = read(tmp_path / "damaged.mcap")
    assert not log.complete
    assert len(log.ticks.time_s) < len(read(flight.file).ticks.time_s)


def test_what_is_no_flight_is_told_in_a_sentence(tmp_path: Path) -> None:
    writer = pytest.importorskip("mcap.writer")
    (tmp_path / "text.mcap").write_text("not a flight")
    with pytest.raises(FlightError, match="not an MCAP file"):
        read(tmp_path / "text.mcap")
    with pytest.raises(FlightError, match="No such file"):
        read(tmp_path / "nowhere.mcap")
    buffer = io.BytesIO()
    foreign = writer.Writer(buffer)
    foreign.start()
    foreign.add_metadata("somebody", {"else": "s"})
    foreign.finish()
    (tmp_path / "foreign.mcap").write_bytes(buffer.getvalue())
    with pytest.raises(FlightError, match="no flight of retain"):
        read(tmp_path / "foreign.mcap")


def test_a_torn_file_can_be_replayed_too(flight: Flight, tmp_path: Path) -> None:
    from retain.bundle import Bundle

    whole = flight.file.read_bytes()
    (tmp_path / "torn.mcap").write_bytes(whole[: 3 * len(whole) // 4])
    log = read(tmp_path / "torn.mcap")
    compared = replay(log, Bundle.open(flight.bundle))
    assert compared.chunks
    assert not compared.failed
