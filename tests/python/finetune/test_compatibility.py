"""Whether data are in a base's units is told before anything is trained."""

import re
from dataclasses import replace

import numpy as np
import pytest
from retain.data import Dataset, DatasetWriter, vector
from retain.finetune.compatibility import compare_with_base
from retain.policy import ActionChannel, Affine, CameraSpec, Channel, FlowSpec, Normalization, PolicySpec

from .conftest import JOINTS, record

NAMES = (*JOINTS, "suction")


def spec_of(dataset, **changes):
    """A base that was trained on just this dataset, with relative joints."""
    state = Affine.from_samples(dataset.column("observation.state"))
    action = Affine.from_samples(dataset.column("action"))
    spec = PolicySpec(
        family="compact",
        cameras=(CameraSpec("front", 16, 16),),
        state=tuple(Channel(name, "rad") for name in NAMES),
        action=tuple(ActionChannel(name, "rad", "absolute", "linear") for name in NAMES),
        dt_s=0.1,
        horizon=3,
        n_action_steps=3,
        max_tokens=8,
        flow=FlowSpec(4),
        max_trained_delay=0,
        normalization=Normalization(state, action),
    )
    return replace(spec, **changes)


def test_the_bases_own_data_fit(dataset):
    fits, findings = compare_with_base(dataset, spec_of(dataset))
    assert findings == []
    assert [fit.channel for fit in fits] == [f"{kind}[{n}]" for kind in ("observation.state", "action") for n in NAMES]
    for fit in fits[:3]:
        assert fit.mean == pytest.approx(0, abs=1e-5)
        assert fit.std == pytest.approx(1, abs=1e-5)
        assert fit.far == 0


def scaled(affine, factor, channel=0):
    scale = list(affine.scale)
    scale[channel] *= factor
    return replace(affine, scale=tuple(scale))


def test_a_base_of_another_unit_is_told_on_either_side(dataset):
    spec = spec_of(dataset)
    norm = spec.normalization
    degrees = replace(spec, normalization=replace(norm, state=scaled(norm.state, 180 / np.pi)))
    found = compare_with_base(dataset, degrees)[1]
    assert [(f.severity, f.check, f.channel) for f in found] == [("suspicious", "base", "observation.state[elbow]")]
    tiny = replace(spec, normalization=replace(norm, action=scaled(norm.action, np.pi / 1800)))
    found = compare_with_base(dataset, tiny)[1]
    assert [(f.severity, f.check, f.channel) for f in found] == [("broken", "base", "action[elbow]")]
    assert "more than 6 standard deviations" in found[0].message


def test_relative_channels_are_compared_as_the_policy_reads_them(dataset):
    spec = spec_of(dataset)
    relative = replace(spec, action=tuple(replace(channel, mode="delta") for channel in spec.action))
    fits, _ = compare_with_base(dataset, relative)
    first = np.arange(len(dataset.column("action")))
    state, action, episode = (dataset.column(name) for name in ("observation.state", "action", "episode_index"))
    last = np.searchsorted(episode, episode, side="right") - 1
    moved = [action[np.minimum(first + ahead, last)] - state for ahead in range(3)]
    affine = spec.normalization.action
    expected = (np.stack(moved) - np.array(affine.offset)) / np.array(affine.scale)
    for channel, fit in enumerate(fits[3:]):
        assert fit.mean == pytest.approx(expected[..., channel].mean(), rel=1e-4, abs=1e-5)
        assert fit.largest == pytest.approx(np.abs(expected[..., channel]).max(), rel=1e-4)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"cameras": (CameraSpec("wrist", 16, 16),)}, "no camera"),
        ({"cameras": (CameraSpec("front", 32, 16),)}, r"expected \[32, 16, 3\]"),
        ({"dt_s": 0.05}, "acts at 20 Hz"),
        ({"state": tuple(Channel(name, "rad") for name in ("hip", "wrist", "suction"))}, "lacks the channel hip"),
    ],
)
def test_what_the_base_needs_and_the_data_lack_is_a_finding(dataset, changes, sentence):
    (found,) = compare_with_base(dataset, spec_of(dataset, **changes))[1]
    assert (found.severity, found.check) == ("broken", "base")
    assert re.search(sentence, found.message)


def test_a_long_dataset_is_sampled_and_says_the_same(tmp_path):
    length = 9000
    values = np.random.default_rng(0).normal(size=(length, 3)).astype(np.float32)
    features = {"observation.state": vector(NAMES), "action": vector(NAMES)}
    with DatasetWriter(tmp_path / "long", fps=10, robot_type="test", features=features) as writer:
        writer.add_episode("wait", {"observation.state": values, "action": values})
    dataset = Dataset(tmp_path / "long")
    fits, findings = compare_with_base(dataset, spec_of(dataset, cameras=()))
    assert findings == []
    assert all(abs(fit.mean) < 0.05 and abs(fit.std - 1) < 0.05 for fit in fits)


def test_a_dataset_with_a_broken_file_is_unfit_rather_than_a_crash(tmp_path):
    dataset = record(tmp_path / "demos")
    spec = spec_of(dataset)
    path = tmp_path / "demos/data/chunk-000/file-000.parquet"
    path.write_bytes(path.read_bytes()[:-50])
    fits, findings = compare_with_base(Dataset(tmp_path / "demos"), spec)
    assert fits == []
    assert [finding.severity for finding in findings] == ["broken"]
