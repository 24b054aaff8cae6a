"""Statistics that are not those of the frames."""

import json

import pytest

from ..episodes import CAMERA, write  # noqa: TID252 (tests are no package that could be named)
from .sets import one, where, write_smooth


@pytest.mark.parametrize(("statistic", "value"), [("mean", 3.0), ("std", 9.0), ("min", -4.0), ("max", float("nan"))])
def test_statistics_of_other_data_are_broken(tmp_path, statistic, value):
    write_smooth(tmp_path / "set")
    path = tmp_path / "set/meta/stats.json"
    stats = json.loads(path.read_text())
    stats["action"][statistic][1] = value
    path.write_text(json.dumps(stats))
    found = one(tmp_path / "set")
    assert where(found) == ("broken", "statistics", None, None)
    assert found.channel == "action[elbow]"
    assert f"as its {statistic}, the frames have" in found.message


def test_quantiles_that_were_averaged_are_only_suspicious(tmp_path):
    write_smooth(tmp_path / "set")
    path = tmp_path / "set/meta/stats.json"
    stats = json.loads(path.read_text())
    stats["action"]["q99"][0] -= 0.9
    path.write_text(json.dumps(stats))
    found = one(tmp_path / "set")
    assert (found.severity, found.check) == ("suspicious", "statistics")
    assert "average of its episodes' quantiles" in found.mend


@pytest.mark.parametrize("damage", ["missing", "of too few channels", "of the whole", "of pictures in 0 to 255"])
def test_statistics_that_do_not_fit_their_feature_are_broken(tmp_path, damage):
    write(tmp_path / "set", (12, 9, 8))
    path = tmp_path / "set/meta/stats.json"
    stats = json.loads(path.read_text())
    if damage == "missing":
        del stats["action"]
    elif damage == "of too few channels":
        stats["action"] = {name: values[:2] for name, values in stats["action"].items()}
    elif damage == "of pictures in 0 to 255":
        stats[CAMERA]["max"] = [[[255]]] * 3
    path.write_text(json.dumps(stats))
    if damage == "of the whole":
        path.unlink()
    found = one(tmp_path / "set")
    assert where(found) == ("broken", "statistics", None, None)
    assert found.file == "meta/stats.json"
