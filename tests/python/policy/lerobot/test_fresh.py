"""A policy that was never LeRobot's is written in LeRobot's files, and read from them as the same policy."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from retain.errors import PolicyError
from retain.policy import Policy, load_policy, save_policy
from retain.policy.lerobot.adopt import Naming, adopt
from retain.policy.lerobot.family import FAMILIES

from ..act.tiny_act import act_policy  # noqa: TID252 (tests are no package that could be named)
from ..pi0 import tiny  # noqa: TID252
from ..smolvla.small import small_policy  # noqa: TID252

MADE = {
    "act": act_policy,
    "smolvla": small_policy,
    "pi0": lambda: tiny.policy("pi0"),
    "pi05": lambda: tiny.policy("pi05"),
}


@pytest.fixture(params=FAMILIES)
def policy(request: pytest.FixtureRequest) -> Policy:
    return MADE[request.param]()


def test_what_is_written_is_read_as_the_same_policy(policy: Policy, tmp_path: Path) -> None:
    save_policy(policy, tmp_path / "policy")
    loaded = load_policy(tmp_path / "policy")
    ours, theirs = policy.spec.normalization, loaded.spec.normalization
    assert replace(loaded.spec, normalization=ours) == policy.spec
    for found, expected in ((theirs.state, ours.state), (theirs.action, ours.action)):
        assert found.offset == pytest.approx(expected.offset, abs=1e-6)
        assert found.scale == pytest.approx(expected.scale, abs=1e-6)
    assert loaded.image_statistics.keys() == policy.image_statistics.keys()
    for role, normalized in loaded.image_statistics.items():
        assert normalized.low == pytest.approx(policy.image_statistics[role].low)
        assert normalized.divisors() == pytest.approx(policy.image_statistics[role].divisors())
    assert loaded.architecture().items() >= policy.architecture().items()
    expected_weights = policy.state_dict()
    assert all(torch.equal(tensor, expected_weights[name]) for name, tensor in loaded.state_dict().items())
    if policy.spec.max_tokens:
        assert all(map(torch.equal, loaded.encode(["lift the block"]), policy.encode(["lift the block"])))


def test_saving_it_again_changes_nothing(policy: Policy, tmp_path: Path) -> None:
    save_policy(policy, tmp_path / "policy")
    save_policy(load_policy(tmp_path / "policy"), tmp_path / "again")
    first, second = ({f.name: f.read_bytes() for f in (tmp_path / name).iterdir()} for name in ("policy", "again"))
    assert first == second


def test_adopt_says_the_same_of_it(policy: Policy, tmp_path: Path) -> None:
    """So what stands in retain.json is what the pipelines say, relative actions among it."""
    save_policy(policy, tmp_path / "policy")
    expected = load_policy(tmp_path / "policy").spec
    units = [(channel.name, channel.unit) for channel in policy.spec.action]
    units += [(channel.name, channel.unit) for channel in policy.spec.state]
    hold = [channel.name for channel in policy.spec.action if channel.interpolation == "hold"]
    naming = Naming(1 / policy.spec.dt_s, *(tuple(c.name for c in part) for part in (expected.state, expected.action)))
    delay = policy.spec.max_trained_delay
    found = adopt(tmp_path / "policy", tmp_path / "out", naming, units, hold=hold, max_trained_delay=delay)
    assert replace(found, dt_s=expected.dt_s) == expected
    assert found.dt_s == pytest.approx(expected.dt_s)


def test_every_key_of_the_pipelines_is_lerobots(policy: Policy, tmp_path: Path) -> None:
    """Against files that LeRobot itself wrote: no step and no setting that it does not have."""
    save_policy(policy, tmp_path / "policy")
    known = Path(__file__).parents[2] / "merge/lerobot" / policy.spec.family
    for name in ("policy_preprocessor.json", "policy_postprocessor.json"):
        theirs, ours = (
            {step["registry_name"]: step["config"].keys() for step in json.loads((place / name).read_text())["steps"]}
            for place in (known, tmp_path / "policy")
        )
        assert ours == {step: theirs[step] for step in ours}


@pytest.mark.parametrize("family", ["act", "smolvla"])
def test_config_json_has_no_key_that_lerobot_would_refuse(family: str, tmp_path: Path) -> None:
    """π0's small networks here have sizes that LeRobot has no key for; those of openpi's variants have none."""
    save_policy(MADE[family](), tmp_path / "policy")
    theirs = json.loads((Path(__file__).parents[2] / "merge/lerobot" / family / "config.json").read_text())
    assert json.loads((tmp_path / "policy/config.json").read_text()).keys() <= theirs.keys()


def test_a_sentence_that_lerobots_preprocessor_would_not_make_is_refused(tmp_path: Path) -> None:
    policy = small_policy()
    policy.spec = replace(policy.spec, suffix="")
    with pytest.raises(PolicyError, match=r"'' behind it; LeRobot's smolvla puts '' and '\\n'"):
        save_policy(policy, tmp_path / "policy")


def test_cameras_normalized_in_two_ways_are_refused(tmp_path: Path) -> None:
    policy = act_policy()
    wrist = replace(policy.image_statistics["wrist"], mode="MIN_MAX")
    policy.image_statistics = {**policy.image_statistics, "wrist": wrist}
    with pytest.raises(PolicyError, match=r"MEAN_STD with ε 1e-08, MIN_MAX with ε 1e-08.*one way for all cameras"):
        save_policy(policy, tmp_path / "policy")
    assert not (tmp_path / "policy").exists()
