"""A finding in words and as JSON, and many of a kind."""

import json

from retain.data import describe
from retain.data.check.finding import MOST, Finding, first_few

from ..episodes import STATE  # noqa: TID252 (tests are no package that could be named)
from .sets import write_smooth


def test_many_findings_of_a_kind_are_counted():
    many = [Finding("broken", "video", f"video {number}", "copy it", episode=number) for number in range(40)]
    told = list(first_few(iter(many)))
    assert told[:MOST] == many[:MOST]
    assert len(told) == MOST + 1
    assert told[-1].message == f"{40 - MOST} more of the same kind, next: video {MOST}"
    assert list(first_few(many[: MOST + 1])) == many[: MOST + 1]


def test_a_finding_is_json_and_a_sentence(tmp_path):
    write_smooth(tmp_path / "set", change=lambda _, frames: frames[STATE].__setitem__((slice(None), 1), 0.7))
    found = json.loads(json.dumps(describe(tmp_path / "set").as_json()))["findings"]
    assert [set(finding) for finding in found] == [{"severity", "check", "message", "mend", "channel"}]
