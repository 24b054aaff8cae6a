"""Whose normalization the result has, and what that means for merging."""

import json
from dataclasses import replace

import numpy as np
import pytest
from retain.data.statistics import vector_statistics
from retain.errors import MergeError, PolicyError
from retain.finetune.chunks import read_frames, relative_rows
from retain.finetune.configuration import TrainingConfig
from retain.finetune.mixture import CoData
from retain.finetune.run import Start, run_training
from retain.finetune.scratch import scratch_policy
from retain.merge import merge
from retain.policy import load_policy, save_policy
from retain.policy.lerobot.restate import spec_of, with_cameras, with_statistics
from retain.policy.spec import CameraSpec
from safetensors.numpy import load_file, save

from .conftest import record
from .smolvla_files import record_video, write_adopted

Q = ("q01", "q99")
CONFIG = TrainingConfig(steps=2, batch_size=4, warmup=1, ema=0.5)


def finetune(base, data, output, stats, co_data=()):
    warnings = []
    start, config = Start(str(base), data, tuple(co_data)), replace(CONFIG, stats=stats)
    run_training(start, config, output, say=lambda _: None, warn=warnings.append)
    return warnings


@pytest.fixture
def base(dataset, sizes, tmp_path):
    path = tmp_path / "base"
    save_policy(scratch_policy(dataset, sizes, seed=0)[0], path)
    return path


def test_statistics_of_the_data_are_those_of_all_frames_and_cannot_be_merged(base, tmp_path):
    data, old = record(tmp_path / "shifted", scale=3.0, seed=4), record(tmp_path / "old", seed=5)
    warnings = finetune(base, data, tmp_path / "out", "data", [CoData(old, 0.25)])
    assert any("retain merge will refuse" in sentence for sentence in warnings)
    spec = load_policy(tmp_path / "out").spec
    frames = [read_frames(one, spec, pictures=False) for one in (data, old)]
    state = np.concatenate([one.state for one in frames])
    rows = np.concatenate([relative_rows(one, spec) for one in frames])
    np.testing.assert_allclose(spec.normalization.state.offset, state.mean(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(spec.normalization.action.scale, np.maximum(rows.std(0), 0.01), rtol=1e-4)
    with pytest.raises(MergeError, match="--stats base"):
        merge(base, tmp_path / "out", tmp_path / "merged", 0.5)


def test_statistics_of_the_base_can_be_merged(base, tmp_path):
    finetune(base, record(tmp_path / "shifted", scale=3.0, seed=4), tmp_path / "out", "base")
    merge(base, tmp_path / "out", tmp_path / "merged", 0.5)
    assert load_policy(tmp_path / "merged").spec == load_policy(base).spec


def test_a_lerobot_policy_takes_statistics_of_the_data_into_its_own_files(tmp_path):
    pytest.importorskip("transformers")
    pytest.importorskip("av")
    base, data = write_adopted(tmp_path), record_video(tmp_path / "demos", seed=1)
    finetune(base, data, tmp_path / "kept", "base")
    finetune(base, data, tmp_path / "taken", "data")
    name = "policy_preprocessor_step_5_normalizer_processor.safetensors"
    assert (tmp_path / "kept" / name).read_bytes() == (base / name).read_bytes()
    taken = load_file(tmp_path / "taken" / name)
    np.testing.assert_allclose(taken["observation.state.mean"], data.column("observation.state").mean(0), rtol=1e-5)
    spec = load_policy(tmp_path / "taken").spec
    np.testing.assert_allclose(spec.normalization.state.offset, taken["observation.state.mean"], rtol=1e-6)
    merge(base, tmp_path / "kept", tmp_path / "merged", 0.5)
    with pytest.raises(MergeError, match="--stats base"):
        merge(base, tmp_path / "taken", tmp_path / "refused", 0.5)


def test_lerobots_files_say_what_was_restated_and_else_what_they_did(tmp_path):
    pytest.importorskip("transformers")
    policy = load_policy(write_adopted(tmp_path))
    values = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    changed = spec_of(with_statistics(policy.sidecars, {"action": vector_statistics(values)}))
    np.testing.assert_allclose(changed.normalization.action.scale, values.std(0), rtol=1e-5)
    assert changed.normalization.state == policy.spec.normalization.state
    wide = spec_of(with_cameras(policy.sidecars, (CameraSpec("top", 48, 80),)))
    assert wide == replace(policy.spec, cameras=(CameraSpec("top", 48, 80), CameraSpec("wrist", 32, 32)))
    assert spec_of(policy.sidecars) == policy.spec
    with pytest.raises(PolicyError, match=r"action\.\w+ of \[4\], the new statistics \[2\]"):
        with_statistics(policy.sidecars, {"action": vector_statistics(values[:, :2])})


def test_quantiles_are_restated_as_quantiles(tmp_path):
    """π0.5's law: q01 and q99 become -1 and 1."""
    pytest.importorskip("transformers")
    sidecars = dict(load_policy(write_adopted(tmp_path)).sidecars)
    rng = np.random.default_rng(0)
    values = {"observation.state": rng.normal(size=(200, 3)), "action": rng.normal(size=(200, 4))}
    old = {
        f"{name}.{q}": np.full(part.shape[1], k, np.float32) for name, part in values.items() for k, q in enumerate(Q)
    }
    for name, content in sidecars.items():
        if name.endswith(".safetensors"):
            sidecars[name] = save(old)
        elif b"MEAN_STD" in content:
            sidecars[name] = content.replace(b"MEAN_STD", b"QUANTILES")
    restated = with_statistics(sidecars, {name: vector_statistics(part) for name, part in values.items()})
    found = spec_of(restated).normalization
    for affine, part in ((found.state, values["observation.state"]), (found.action, values["action"])):
        low, high = np.quantile(part, 0.01, axis=0), np.quantile(part, 0.99, axis=0)
        np.testing.assert_allclose(affine.normalize(np.stack([low, high]).astype(np.float32))[0], -1, atol=1e-5)
        np.testing.assert_allclose(affine.normalize(np.stack([low, high]).astype(np.float32))[1], 1, atol=1e-5)


def test_the_record_of_a_run_says_whose_statistics_it_took(base, dataset, tmp_path):
    finetune(base, dataset, tmp_path / "out", "data")
    assert json.loads((tmp_path / "out/training/config.json").read_text())["stats"] == "data"
