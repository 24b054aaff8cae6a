import numpy as np
import pytest
from retain.choose.observations import observe
from retain.data import Dataset, DatasetWriter, camera, vector
from retain.finetune.chunks import read_frames
from retain.finetune.scratch import scratch_policy
from retain.policy.compact.configuration import CompactConfig


@pytest.fixture
def dataset(tmp_path):
    rng = np.random.default_rng(0)
    names = ["elbow", "wrist", "suction"]
    features = {
        "observation.images.front": camera(16, 16),
        "observation.state": vector(names),
        "action": vector(names),
    }
    with DatasetWriter(tmp_path / "old", fps=10, robot_type="test", features=features) as writer:
        for index, length in enumerate((9, 12, 7)):
            frames = {
                "observation.images.front": rng.integers(0, 256, (length, 16, 16, 3), dtype=np.uint8),
                "observation.state": rng.normal(size=(length, 3)).astype(np.float32),
                "action": rng.normal(size=(length, 3)).astype(np.float32),
            }
            writer.add_episode(f"task {index}", frames)
    return Dataset(tmp_path / "old")


@pytest.fixture
def policy(dataset):
    sizes = CompactConfig(
        image_size=16, channels=8, width=16, heads=2, vocabulary=96, backbone_layers=1, expert_layers=1
    )
    return scratch_policy(dataset, sizes, seed=0)[0]


def test_what_is_drawn_belongs_together(dataset, policy):
    frames, seen = read_frames(dataset, policy.spec), observe(dataset, policy, 10, seed=3)
    drawn = [int(np.flatnonzero((frames.state == state).all(axis=1))[0]) for state in seen.state]
    assert len(set(drawn)) == 10
    np.testing.assert_array_equal(seen.images["front"], frames.images[0][drawn])
    np.testing.assert_array_equal(seen.batch.images[0].numpy(), frames.images[0][drawn])
    assert seen.instructions == [frames.tasks[frames.task_index[index]] for index in drawn]
    rows = frames.rows(np.array(drawn), policy.spec.horizon)
    np.testing.assert_array_equal(seen.batch.actions.numpy(), policy.spec.encode_actions(rows, seen.state))


def test_only_what_is_drawn_is_decoded(dataset, policy, monkeypatch):
    asked, images = [], Dataset.images

    def counted(self, name, indices=None):
        asked.append(self.num_frames if indices is None else len(indices))
        return images(self, name, indices)

    monkeypatch.setattr(Dataset, "images", counted)
    observe(dataset, policy, 5, seed=0)
    assert asked == [5]


def test_all_frames_are_taken_where_there_are_fewer_than_asked_for(dataset, policy):
    assert len(observe(dataset, policy, 1000, seed=0)) == dataset.num_frames == 28
