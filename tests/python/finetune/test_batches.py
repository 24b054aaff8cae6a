"""Batches are functions of (seed, step), however many processes and turns they are dealt to."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from retain.errors import DatasetError, TrainingError
from retain.finetune.batches import BatchSampler, Source
from retain.finetune.configuration import TrainingConfig
from retain.finetune.loading import Portion, read_ahead
from retain.finetune.scratch import scratch_policy

from .conftest import record

# Readers are forked, as PyTorch's loader does; Python 3.12 and later warn of that wherever there are threads.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")

FIELDS = ("tokens", "mask", "state", "actions", "is_pad")


@pytest.fixture
def batches(dataset, sizes, config, tmp_path):
    policy, frames = scratch_policy(dataset, sizes, seed=0)
    other = scratch_policy(record(tmp_path / "other", seed=5), sizes, seed=0)[1]
    co_training = [(Source.encode(other, policy), 0.25)]
    settings = replace(config, batch_size=12, early_share=0.25)
    return BatchSampler(policy.spec, settings, Source.encode(frames, policy), co_training)


def rows(batch):
    """Observations as bytes, so that they can be compared in any order."""
    columns = [*batch.images, *(getattr(batch, name) for name in FIELDS)]
    return [b"".join(column[index].numpy().tobytes() for column in columns) for index in range(len(batch.state))]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(step=st.integers(0, 1000), shards=st.sampled_from([1, 2, 3, 4, 6, 12]))
def test_the_shards_of_a_batch_are_the_batch(batches, step, shards):
    whole = rows(batches(step, torch.device("cpu")))
    dealt = [rows(batches.shard(step, shard, shards)) for shard in range(shards)]
    assert [len(shard) for shard in dealt] == [12 // shards] * shards
    for shard, part in enumerate(dealt):
        assert sorted(part) == sorted(whole[shard::shards])


def test_two_processes_compute_what_one_does_in_two_turns(batches):
    one = list(read_ahead(batches, Portion(accumulate=2), 3, 5, workers=0))
    two = [list(read_ahead(batches, Portion(rank, processes=2), 3, 5, workers=0)) for rank in (0, 1)]
    together = [shard for step in zip(*two, strict=True) for shard in step]
    assert [rows(shard) for shard in one] == [rows(shard) for shard in together]


def test_processes_that_read_ahead_change_nothing(batches):
    plain, ahead = (list(read_ahead(batches, Portion(accumulate=2), 1, 6, workers=workers)) for workers in (0, 2))
    assert [rows(batch) for batch in plain] == [rows(batch) for batch in ahead]


def test_an_error_in_a_process_that_reads_ahead_arrives_as_it_is(batches):
    class Broken:
        def __getitem__(self, indices):
            raise DatasetError("file.mp4 ends before frame 3")

    task = batches.shares[0][0]
    broken = BatchSampler(batches.spec, batches.config, replace(task, frames=replace(task.frames, images=[Broken()])))
    with pytest.raises(DatasetError) as caught:
        next(read_ahead(broken, Portion(), 0, 1, workers=1))
    assert str(caught.value) == "file.mp4 ends before frame 3"


def test_rows_beyond_the_episode_are_marked_and_only_they(batches):
    frames = batches.shares[0][0].frames
    horizon = batches.spec.horizon
    indices = np.arange(len(frames))
    marked = frames.beyond(indices, horizon)
    np.testing.assert_array_equal(marked.sum(1), np.maximum(0, horizon - 1 - (frames.last - indices)))
    assert not marked[:, 0].any()
    repeated = frames.rows(indices, horizon)
    last = np.broadcast_to(frames.actions[frames.last][:, None], repeated.shape)
    np.testing.assert_array_equal(repeated[marked], last[marked])


def test_turns_that_do_not_divide_a_batch_are_refused():
    with pytest.raises(TrainingError, match="batch of 10 cannot be computed in 4 equal turns"):
        TrainingConfig(batch_size=10, accumulate=4)
