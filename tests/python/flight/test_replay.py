from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from retain.bundle import Bundle
from retain.cli.main import main
from retain.errors import FlightError
from retain.flight import read
from retain.flight.plot_replay import plot_replay
from retain.flight.replay import replay
from retain.runtime import Recording

from ..runtime.tiny_policy import CHANNELS, write_tiny_bundle  # noqa: TID252
from .conftest import DRIFT, PATIENT, Flight, fly


def test_the_bundle_that_flew_says_the_same_to_the_bit(flight: Flight) -> None:
    log = read(flight.file)
    compared = replay(log, Bundle.open(flight.bundle))
    assert compared.same_bundle
    assert not compared.failed
    assert (len(compared.chunks), compared.left_out) == (len(log.answers), 0)
    assert max(chunk.largest for chunk in compared.chunks) == 0.0
    # Decoding here is in float32, in flight it was in float64.
    assert max(channel.largest for channel in compared.channels) < 1e-6


def test_another_bundle_shows_by_how_much_it_would_have_gone_elsewhere(flight: Flight, tmp_path: Path) -> None:
    other = write_tiny_bundle(tmp_path / "other", (0.01, 0.0, 0.0, 0.0, 0.0, 0.03, 0.0))
    compared = replay(read(flight.file), Bundle.open(other))
    assert not compared.same_bundle
    assert not compared.failed  # it is another policy; a difference is no failure
    assert compared.share_beyond == 1.0
    by_name = {channel.name: channel for channel in compared.channels}
    assert by_name["shoulder_pan"].largest == pytest.approx(0.01 * 16, abs=1e-5)
    assert by_name["wrist_3"].largest < 1e-5
    picture = plot_replay(compared, 0.1, tmp_path / "other.png", title="t", subtitle="s")
    assert picture.stat().st_size > 10_000


def test_order_of_channels_does_not_matter(flight: Flight, tmp_path: Path) -> None:
    reversed_ = write_tiny_bundle(tmp_path / "r", tuple(reversed(DRIFT)), names=tuple(reversed(CHANNELS)))
    compared = replay(read(flight.file), Bundle.open(reversed_))
    assert max(channel.largest for channel in compared.channels) < 1e-5


def test_the_bundle_that_flew_but_answers_otherwise_fails(flight: Flight) -> None:
    log = read(flight.file)
    first = log.answers[0]
    tampered = replace(first, observation=replace(first.observation, answer=first.observation.answer + 0.01))
    compared = replay(replace(log, answers=(tampered, *log.answers[1:])), Bundle.open(flight.bundle))
    assert compared.failed
    assert compared.share_beyond == pytest.approx(1 / len(log.answers))


def test_a_bundle_for_another_robot_is_refused(flight: Flight, tmp_path: Path) -> None:
    names = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_1", "wrist_2", "wrist_3", "suction")
    other = write_tiny_bundle(tmp_path / "other", DRIFT, names=names)
    with pytest.raises(FlightError, match=r"action channels are .*elbow_flex"):
        replay(read(flight.file), Bundle.open(other))


def test_an_answer_that_went_on_from_the_chunk_before_is_computed_with_it(flight: Flight) -> None:
    # The tiny policy's estimate of its chunk is exact at every step: guidance towards that chunk changes nothing, and
    # guidance towards another one shows on the committed rows.
    log, bundle = read(flight.file), Bundle.open(flight.bundle)
    seen = log.answers[0].observation

    def guided(offset: float) -> float:
        observation = replace(
            seen,
            splice="guided",
            left_over=seen.answer + np.float32(offset),
            committed_rows=4,
            overlap_end=8,
            guidance_limit=5.0,
        )
        answers = (replace(log.answers[0], observation=observation), *log.answers[1:])
        return replay(replace(log, answers=answers), bundle).chunks[0].largest

    assert guided(0.0) < 1e-5
    assert guided(0.1) > 0.01


@pytest.mark.parametrize("strategy", ["ensemble", "rtc-guided"])
def test_every_strategys_answers_are_computed_again_to_the_bit(strategy: str, flight: Flight, tmp_path: Path) -> None:
    file = tmp_path / "run.mcap"
    fly(flight.bundle, Recording(file), PATIENT.model_copy(update={"strategy": strategy, "execute_rows": 4}))
    log = read(file)
    compared = replay(log, Bundle.open(flight.bundle))
    assert (len(compared.chunks), compared.left_out) == (len(log.answers), 0)
    assert max(chunk.largest for chunk in compared.chunks) == 0.0
    guided = [answer.observation.splice for answer in log.answers].count("guided")
    assert guided == (len(log.answers) - 1 if strategy == "rtc-guided" else 0)


def test_what_was_left_of_a_chunk_means_nothing_to_another_bundle(flight: Flight, tmp_path: Path) -> None:
    log = read(flight.file)
    observation = replace(log.answers[0].observation, splice="guided", left_over=log.answers[0].observation.answer)
    answers = (replace(log.answers[0], observation=observation), *log.answers[1:])
    other = write_tiny_bundle(tmp_path / "other", (0.01, 0.0, 0.0, 0.0, 0.0, 0.03, 0.0))
    compared = replay(replace(log, answers=answers), Bundle.open(other))
    assert (compared.left_out, len(compared.chunks)) == (1, len(log.answers) - 1)


def test_the_commands_exit_code_tells(flight: Flight, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(flight.file), str(flight.bundle)]) == 0
    assert "says the same in all" in capsys.readouterr().out
    other = write_tiny_bundle(tmp_path / "other", (0.01, 0.0, 0.0, 0.0, 0.0, 0.03, 0.0))
    assert main(["replay", str(flight.file), str(other), "--json", "-o", str(tmp_path / "r.png")]) == 0
    assert '"same_bundle": false' in capsys.readouterr().out
    assert main(["replay", str(flight.file), str(flight.bundle), "--tolerance", "-1"]) == 2
    assert main(["replay", str(flight.bundle / "manifest.json"), str(flight.bundle)]) == 2
