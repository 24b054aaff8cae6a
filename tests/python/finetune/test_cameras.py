import numpy as np
import pytest
from retain.data import Dataset, DatasetWriter, camera, vector
from retain.errors import DatasetError
from retain.finetune.cameras import adopt_picture_sizes
from retain.finetune.configuration import TrainingConfig
from retain.finetune.mixture import CoData
from retain.finetune.renames import Renames
from retain.finetune.run import Start, run_training
from retain.finetune.scratch import scratch_policy
from retain.merge import merge
from retain.policy import load_policy

from .smolvla_files import ACTION, STATE, record_video, write_adopted

pytest.importorskip("transformers")
pytest.importorskip("av")

CONFIG = TrainingConfig(steps=2, batch_size=4, warmup=1, ema=0.5)


@pytest.fixture
def base(tmp_path):
    return write_adopted(tmp_path)


@pytest.fixture
def wide(tmp_path):
    """A recording whose camera is not of the size that the base was last trained at."""
    rng = np.random.default_rng(0)
    features = {"observation.images.overhead": camera(36, 64), "observation.images.wrist": camera(32, 32)}
    features |= {"observation.state": vector(list(STATE)), "action": vector(list(ACTION))}
    with DatasetWriter(tmp_path / "wide", fps=10, robot_type="arm", features=features) as writer:
        frames = {
            "observation.images.overhead": rng.integers(0, 256, (9, 36, 64, 3), dtype=np.uint8),
            "observation.images.wrist": rng.integers(0, 256, (9, 32, 32, 3), dtype=np.uint8),
            "observation.state": rng.normal(size=(9, 3)).astype(np.float32),
            "action": rng.normal(size=(9, 4)).astype(np.float32),
        }
        writer.add_episode("lift the red block", frames)
    return Dataset(tmp_path / "wide")


def finetune(start, output):
    said = []
    run_training(start, CONFIG, output, say=said.append, warn=lambda _: None)
    return said


def test_a_lerobot_policy_asks_for_pictures_of_the_size_it_was_finetuned_on(base, wide, tmp_path):
    start = Start(str(base), wide, renames=Renames.parse(["overhead=top"]))
    said = finetune(start, tmp_path / "out")
    assert any(sentence.startswith("camera top: 36 x 64 as in") for sentence in said)
    sizes = {one.role: (one.height, one.width) for one in load_policy(tmp_path / "out").spec.cameras}
    assert sizes == {"top": (36, 64), "wrist": (32, 32)}
    merge(base, tmp_path / "out", tmp_path / "merged", 0.5)
    assert load_policy(tmp_path / "merged").spec.horizon == load_policy(base).spec.horizon


def test_pictures_of_the_same_size_change_no_file(base, tmp_path):
    policy = load_policy(base)
    before = dict(policy.sidecars)
    assert adopt_picture_sizes(policy, record_video(tmp_path / "demos", seed=1), Renames()) == []
    assert policy.sidecars == before


def test_datasets_of_one_mixture_have_pictures_of_one_size(base, wide, tmp_path):
    old = CoData(record_video(tmp_path / "old", seed=1), 0.25)
    start = Start(str(base), wide, (old,), Renames.parse(["overhead=top"]))
    with pytest.raises(DatasetError, match=r"observation\.images\.top is \[24, 40, 3\], expected \[36, 64, 3\]"):
        finetune(start, tmp_path / "out")


def test_compact_keeps_the_size_it_was_made_for(dataset, sizes, wide):
    policy = scratch_policy(dataset, sizes, seed=0)[0]
    before = policy.spec
    assert adopt_picture_sizes(policy, wide, Renames()) == []
    assert policy.spec == before
