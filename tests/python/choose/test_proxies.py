"""Proxies against what a slow and plain computation gives."""

from pathlib import Path

import numpy as np
import pytest
import torch
from retain.choose import proxies
from retain.choose.observations import observe
from retain.choose.proxies import measure_proxies
from retain.data import Dataset
from retain.errors import EvaluationError, RetainError
from retain.finetune.batches import BatchSampler, Source
from retain.finetune.chunks import read_frames
from retain.finetune.configuration import TrainingConfig
from retain.finetune.renames import Renames
from retain.finetune.trainer import train
from retain.policy import load_policy, save_policy
from retain.sim import parse_instruction

from ..finetune.smolvla_files import record_video, write_adopted  # noqa: TID252 (tests are no package that could be named)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A base, what five steps made of it, demonstrations, and data of another task."""
    from retain.cli.main import main
    from retain.finetune.scratch import scratch_policy
    from retain.policy.compact.configuration import CompactConfig

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("proxies")
    for name, skill in (("new", "lift the red block"), ("old", "reach the blue block")):
        assert parse_instruction(skill)
        assert main(["record", "--skill", skill, "--episodes", "2", "-o", str(folder / name), "--json"]) == 0
    sizes = CompactConfig(channels=8, width=16, heads=2, static_queries=2, backbone_layers=1, expert_layers=1)
    policy, frames = scratch_policy(Dataset(folder / "new"), sizes, seed=0)
    save_policy(policy.eval(), folder / "base")
    config = TrainingConfig(steps=20, batch_size=8, lr=3e-3, warmup=2, ema=0.5)
    (folder / "training").mkdir()
    sampler = BatchSampler(policy.spec, config, Source.encode(frames, policy))
    save_policy(train(policy, sampler, config, folder / "training"), folder / "finetuned")
    return folder


@pytest.fixture(scope="module")
def measured(world):
    return measure_proxies(
        world / "base", world / "finetuned", [0.5, {"language": 1.0}], target=world / "new", generalist=world / "old",
        frames=12,
    )  # fmt: skip


def test_both_ends_are_measured_and_the_base_does_not_drift_from_itself(measured):
    assert [dict(row.alpha)["action"] for row in measured.rows] == [0.0, 0.5, 0.0, 1.0]
    base, tuned = measured.at(0.0), measured.at(1.0)
    assert (base.drift, base.strange_drift, tuned.strange_gap) == (0.0, 0.0, 0.0)
    assert tuned.drift > 0
    assert base.strange_gap == tuned.strange_drift > 0


def test_losses_at_the_ends_are_the_policies_own(world, measured):
    for alpha, name in ((0.0, "base"), (1.0, "finetuned")):
        policy = load_policy(world / name)
        seen = observe(Dataset(world / "new"), policy, 12, 0)
        with torch.no_grad():
            loss = float(policy.loss(seen.batch, torch.Generator().manual_seed(0)))
        assert measured.at(alpha).target_loss == pytest.approx(loss, rel=1e-6)


def test_the_error_is_that_of_predicted_chunks_against_demonstrated_ones(world, measured):
    policy = load_policy(world / "finetuned")
    spec, dataset = policy.spec, Dataset(world / "new")
    frames = read_frames(dataset, spec)
    drawn = np.sort(np.random.default_rng(0).permutation(len(frames))[:12])
    noise = np.random.default_rng(0).standard_normal((12, spec.horizon, len(spec.action)), dtype=np.float32)
    squares = []
    for index, own in zip(drawn, noise, strict=True):
        images = {spec.cameras[0].role: frames.images[0][[index]]}
        words = [frames.tasks[frames.task_index[index]]]
        chunk = policy.predict_chunk(images, frames.state[[index]], words, own[None])[0]
        meant = frames.rows(np.array([index]), spec.horizon)[0]
        gap = (chunk - meant)[: spec.n_action_steps] / np.array(spec.normalization.action.scale)
        squares.append(np.square(gap))
    assert measured.at(1.0).target_error == pytest.approx(float(np.sqrt(np.mean(squares))), rel=1e-4)


def test_measuring_changes_no_file_and_repeats_itself(world, measured):
    before = {path: path.read_bytes() for path in (world / "base").iterdir() if path.is_file()}
    again = measure_proxies(
        str(world / "base"), world / "finetuned", [0.5, {"language": 1.0}], target=world / "new",
        generalist=world / "old", frames=12,
    )  # fmt: skip
    assert again == measured
    assert before == {path: path.read_bytes() for path in (world / "base").iterdir() if path.is_file()}


def test_what_cannot_be_measured_is_one_sentence(world, measured):
    with pytest.raises(EvaluationError, match="was not measured"):
        measured.at(0.25)
    with pytest.raises(EvaluationError, match="0 frames"):
        measure_proxies(
            world / "base", world / "finetuned", [], target=world / "new", generalist=world / "old", frames=0
        )
    with pytest.raises(RetainError, match="nowhere"):
        measure_proxies(world / "base", world / "finetuned", [], target=Path("nowhere"), generalist=world / "old")


def test_a_vla_is_asked_a_few_frames_at_a_time_by_the_names_and_sizes_of_the_data(tmp_path, monkeypatch):
    base = write_adopted(tmp_path)
    target = record_video(tmp_path / "new", seed=1, cameras=("front", "hand"), size=(48, 80)).path
    old = record_video(tmp_path / "old", seed=2, cameras=("front", "hand"), size=(48, 80)).path
    renames = Renames.parse(["front=top", "hand=wrist"])

    def measure():
        return measure_proxies(base, base, [], target=target, generalist=old, frames=5, renames=renames).rows[0]

    together = measure()
    monkeypatch.setattr(proxies, "VLA_FRAMES", 2)
    apart = measure()
    assert apart.target_error == pytest.approx(together.target_error, rel=1e-5)
    assert apart.generalist_error == pytest.approx(together.generalist_error, rel=1e-5)
    assert together.drift == apart.drift == 0.0
