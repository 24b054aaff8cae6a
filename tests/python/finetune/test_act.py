"""ACT is finetuned like any policy: LeRobot's directory in, LeRobot's directory out."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from retain.data import Dataset, DatasetWriter, camera, vector
from retain.finetune.run import Start, run_training
from retain.policy import load_policy
from safetensors.torch import load_file

from ..policy.act.lerobot_files import adopt_act  # noqa: TID252 (tests are no package that could be named)
from ..policy.act.tiny_act import act_policy, act_spec  # noqa: TID252


@pytest.fixture
def base(tmp_path):
    return adopt_act(act_policy(dropout=0.1), tmp_path / "base")


@pytest.fixture
def demos(tmp_path):
    """Two episodes at the policy's rate, shorter than two chunks: many rows lie beyond their end."""
    spec, rng = act_spec(), np.random.default_rng(0)
    state, action = ([channel.name for channel in channels] for channels in (spec.state, spec.action))
    features = {"observation.state": vector(state), "action": vector(action)}
    for one in spec.cameras:
        features[f"observation.images.{one.role}"] = camera(one.height, one.width)
    with DatasetWriter(tmp_path / "demos", fps=round(1 / spec.dt_s), robot_type="toy", features=features) as writer:
        for length in (9, 12):
            frames = {
                f"observation.images.{one.role}": rng.integers(0, 256, (length, one.height, one.width, 3), np.uint8)
                for one in spec.cameras
            }
            frames["observation.state"] = rng.normal(size=(length, len(state))).astype(np.float32)
            frames["action"] = rng.normal(size=(length, len(action))).astype(np.float32)
            writer.add_episode("push", frames)
    return Dataset(tmp_path / "demos")


class StopHereError(Exception):
    """Stands for whatever ends a process between two steps."""


def run(base, demos, config, output, **options):
    return run_training(Start(str(base), demos), config, output, say=str, warn=str, **options)


def losses(output):
    return [json.loads(line)["loss"] for line in (output / "training/log.jsonl").read_text().splitlines()]


def test_act_learns_resumes_to_the_same_losses_and_stays_lerobots(base, demos, config, tmp_path):
    config = replace(config, steps=4, save_every=2, batch_size=2)
    run(base, demos, config, tmp_path / "whole")

    def stop(line):
        if line.step == 3:
            raise StopHereError

    with pytest.raises(StopHereError):
        run(base, demos, config, tmp_path / "halved", on_step=stop)
    run(base, demos, config, tmp_path / "halved", resume=True)
    assert losses(tmp_path / "halved") == losses(tmp_path / "whole")

    before, after = (load_file(path / "model.safetensors") for path in (base, tmp_path / "whole"))
    assert before.keys() == after.keys()
    frozen = {name for name in before if ".bn" in name or ".downsample.1." in name or name.endswith("pos_enc")}
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert not changed & frozen
    # The pictures' statistics and all else that is LeRobot's are the base's: the two can be merged.
    for file in base.iterdir():
        if file.name != "model.safetensors":
            assert (tmp_path / "whole" / file.name).read_bytes() == file.read_bytes(), file.name
    assert load_policy(tmp_path / "whole").spec == load_policy(base).spec
