"""Episodes of odd length, and tasks without episodes or without a name."""

import numpy as np
from retain.data import DatasetWriter, vector

from ..episodes import episode  # noqa: TID252 (tests are no package that could be named)
from .sets import DATA, edit, findings, one, where, write_smooth


def test_episodes_of_odd_length_are_suspicious(tmp_path):
    write_smooth(tmp_path / "set", (40, 41, 39, 5, 40, 300))
    found = findings(tmp_path / "set")
    assert [where(finding) for finding in found] == [
        ("suspicious", "length", 3, None),
        ("suspicious", "length", 5, None),
    ]


def test_an_episode_without_motion_of_a_single_frame_is_told(tmp_path):
    with DatasetWriter(tmp_path / "set", fps=10, robot_type="toy", features={"action": vector(["x"])}) as writer:
        for length in (30, 1, 31):
            writer.add_episode("push", {"action": np.linspace(0, 1, length)[:, None]})
    assert where(one(tmp_path / "set")) == ("suspicious", "length", 1, None)
    assert episode(3)["action"].shape == (3, 3)


def test_a_task_that_nobody_shows_is_suspicious(tmp_path):
    write_smooth(tmp_path / "set", tasks=("lift the cup", "push the cup"))
    edit(tmp_path / "set" / DATA, "task_index", lambda values: values.__setitem__(slice(None), [0] * 135))
    found = one(tmp_path / "set")
    assert where(found) == ("suspicious", "task", None, None)
    assert "'push the cup' has no episode" in found.message


def test_a_task_that_is_not_listed_is_broken(tmp_path):
    write_smooth(tmp_path / "set")
    edit(tmp_path / "set" / DATA, "task_index", lambda values: values.__setitem__(slice(60, 70), [4] * 10))
    assert where(one(tmp_path / "set")) == ("broken", "task", 1, 20)
