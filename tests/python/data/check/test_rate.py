"""Timestamps that are not those of the rate that is declared."""

import json

from .sets import DATA, edit, one, where, write_smooth


def test_another_rate_is_measured(tmp_path):
    write_smooth(tmp_path / "set")
    info = tmp_path / "set/meta/info.json"
    info.write_text(json.dumps(json.loads(info.read_text()) | {"fps": 30}))
    found = one(tmp_path / "set")
    assert where(found) == ("broken", "rate", None, None)
    assert "0.1 s, which is 10 Hz; info.json says 30 Hz" in found.message


def test_dropped_frames_are_placed(tmp_path):
    write_smooth(tmp_path / "set")

    def drop(values):
        for row in range(40 + 20, 40 + 50):
            values[row] += 0.3

    edit(tmp_path / "set" / DATA, "timestamp", drop)
    found = one(tmp_path / "set")
    assert where(found) == ("broken", "rate", 1, 20)
    assert "by up to 0.300 s" in found.message


def test_timestamps_that_stand_still_are_no_rate(tmp_path):
    write_smooth(tmp_path / "set")
    edit(tmp_path / "set" / DATA, "timestamp", lambda values: values.__setitem__(slice(None), [0.0] * 135))
    assert "timestamps advance by 0 s" in one(tmp_path / "set").message
