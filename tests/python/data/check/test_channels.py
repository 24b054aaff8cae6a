"""Channels that never move, and jumps that no robot makes."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from retain.data.check.channels import JUMP, jumps

from ..episodes import STATE  # noqa: TID252 (tests are no package that could be named)
from .sets import findings, one, where, write_smooth


def test_a_channel_that_never_moves_is_suspicious_not_broken(tmp_path):
    write_smooth(tmp_path / "set", change=lambda _, frames: frames[STATE].__setitem__((slice(None), 1), 0.7))
    found = one(tmp_path / "set")
    assert where(found) == ("suspicious", "channel", None, None)
    assert (found.channel, found.message) == (
        "observation.state[elbow]",
        "observation.state[elbow] is 0.7 in every frame",
    )


def test_a_glitch_is_placed_and_a_switch_is_not_one(tmp_path):
    def glitch(number, frames):
        frames[STATE][:, 2] = np.arange(len(frames[STATE])) % 20 < 10  # a gripper that opens and shuts
        if number == 1:
            frames[STATE][17, 0] += 5.0

    write_smooth(tmp_path / "set", change=glitch)
    found = findings(tmp_path / "set")
    assert [where(finding) for finding in found] == [("suspicious", "jump", 1, 17), ("suspicious", "jump", 1, 18)]
    assert {finding.channel for finding in found} == {"observation.state[shoulder]"}


def test_an_angle_that_wraps_around_is_told_from_a_lost_packet(tmp_path):
    def turn(number, frames):
        angle = np.linspace(0, 4, len(frames["action"])) + number * 0.2
        frames["action"][:, 0] = (angle + np.pi) % (2 * np.pi) - np.pi

    write_smooth(tmp_path / "set", change=turn)
    found = findings(tmp_path / "set")
    assert {finding.episode for finding in found} == {0, 1, 2}
    assert all("wraps around by one turn (rad)" in finding.mend for finding in found)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_noise_of_any_size_has_no_jumps_and_a_step_far_beyond_it_is_found(data):
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    scale, count = data.draw(st.floats(1e-3, 1e3)), data.draw(st.integers(60, 300))
    values = np.cumsum(generator.normal(0, scale, count))
    follows = np.ones(count - 1, dtype=bool)
    largest = np.abs(np.diff(values)).max()
    assert list(jumps(values, follows)) == []
    at = data.draw(st.integers(2, count - 3))
    values[at:] += 2 * JUMP * largest
    assert [row for row, _ in jumps(values, follows)] == [at - 1]
    # Between two episodes the same step means nothing.
    follows[at - 1] = False
    assert list(jumps(values, follows)) == []
