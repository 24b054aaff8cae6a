import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from retain.data import Dataset
from retain.errors import DatasetError, TrainingError
from retain.finetune.batches import BatchSampler, Source
from retain.finetune.chunks import read_frames
from retain.finetune.configuration import TrainingConfig
from retain.finetune.light import Light
from retain.finetune.run import Start, run_training
from retain.finetune.schedule import ema_decay, learning_rate
from retain.finetune.scratch import scratch_policy
from retain.finetune.trainer import train
from retain.policy import load_policy, save_policy
from safetensors.torch import load_file

from .conftest import record


def quiet(_):
    pass


@pytest.fixture
def base(dataset, sizes, tmp_path):
    path = tmp_path / "base"
    save_policy(scratch_policy(dataset, sizes, seed=0)[0], path)
    return path


def finetune(base, dataset, config, output, **options):
    return run_training(Start(str(base), dataset), config, output, say=quiet, warn=quiet, **options)


def losses(output):
    return [json.loads(line)["loss"] for line in (output / "training/log.jsonl").read_text().splitlines()]


def weights(output):
    return load_file(output / "model.safetensors")


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(base, dataset, config, tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        finetune(base, dataset, replace(config, seed=seed), tmp_path / name)
    first, same, other = (weights(tmp_path / name) for name in "abc")
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


class StopHereError(Exception):
    """Stands for whatever ends a process between two steps."""


def test_a_run_that_was_stopped_continues_to_the_same_bits(base, dataset, config, tmp_path):
    finetune(base, dataset, config, tmp_path / "whole")

    def stop(line):
        if line.step == 5:  # two steps past the last save
            raise StopHereError

    with pytest.raises(StopHereError):
        finetune(base, dataset, config, tmp_path / "halved", on_step=stop)
    finetune(base, dataset, config, tmp_path / "halved", resume=True)
    assert losses(tmp_path / "halved") == losses(tmp_path / "whole")
    whole, halved = weights(tmp_path / "whole"), weights(tmp_path / "halved")
    assert all(torch.equal(whole[name], halved[name]) for name in whole)


CHILD = """
import sys, torch
from pathlib import Path
from retain.data import Dataset
from retain.finetune.configuration import TrainingConfig
from retain.finetune.equipment import Equipment
from retain.finetune.run import Start, run_training
torch.set_num_threads(1)
base, data, output, workers = sys.argv[1:]
config = TrainingConfig(steps=2000, batch_size=4, lr=1e-3, warmup=2, ema=0.9, save_every=3)
run_training(Start(base, Dataset(data)), config, Path(output), equipment=Equipment(workers=int(workers)))
"""


def started(base, dataset, output, workers=0):
    command = [sys.executable, "-c", textwrap.dedent(CHILD), str(base), str(dataset.path), str(output), str(workers)]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 120
    while not (output / "training/resume.safetensors").exists() and time.monotonic() < deadline:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    return process


def test_a_killed_process_leaves_a_state_that_resumes_and_no_policy(base, dataset, tmp_path):
    output = tmp_path / "killed"
    process = started(base, dataset, output)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (output / "config.json").exists()
    before = losses(output)
    config = TrainingConfig(steps=2000, batch_size=4, lr=1e-3, warmup=2, ema=0.9, save_every=3)

    def stop(line):
        if line.step >= len(before) + 3:
            raise StopHereError

    with pytest.raises(StopHereError):
        finetune(base, dataset, config, output, resume=True, on_step=stop)
    assert losses(output)[: len(before)] == before


@pytest.mark.parametrize(("number", "workers"), [(signal.SIGINT, 1), (signal.SIGTERM, 0)])
def test_ctrl_c_and_sigterm_finish_the_step_and_save_it(base, dataset, number, workers, tmp_path):
    output = tmp_path / "interrupted"
    process = started(base, dataset, output, workers)
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does: the readers hear it too
    else:
        os.kill(process.pid, number)
    try:
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert "KeyboardInterrupt" in errors
    from safetensors import safe_open

    with safe_open(output / "training/resume.safetensors", "pt") as file:
        assert int(file.metadata()["step"]) == len(losses(output))


def test_resuming_something_else_is_refused(base, dataset, config, tmp_path):
    with pytest.raises(TrainingError, match="no run to resume"):
        finetune(base, dataset, config, tmp_path / "new", resume=True)
    finetune(base, dataset, config, tmp_path / "new")
    with pytest.raises(TrainingError, match=r"was started with lr 0\.001, now it is 0\.5"):
        finetune(base, dataset, replace(config, lr=0.5), tmp_path / "new", resume=True)
    with pytest.raises(TrainingError, match="exists"):
        finetune(base, dataset, config, tmp_path / "new")
    finetune(base, dataset, replace(config, lr=0.5), tmp_path / "new", force=True)


def test_the_base_keeps_its_statistics_and_far_data_are_reported(base, config, tmp_path):
    shifted = record(tmp_path / "shifted", scale=100.0, seed=4)
    warnings = []
    run_training(Start(str(base), shifted), config, tmp_path / "out", say=quiet, warn=warnings.append)
    assert load_policy(tmp_path / "out").spec == load_policy(base).spec
    assert any("state elbow" in sentence and "standard deviations" in sentence for sentence in warnings)
    for name in (file.name for file in base.iterdir() if "normalizer" in file.name):
        assert (base / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


def test_data_that_hardly_move_are_reported_once(base, config, tmp_path):
    radians = record(tmp_path / "radians", scale=0.01, seed=4)
    warnings = []
    run_training(Start(str(base), radians), config, tmp_path / "out", say=quiet, warn=warnings.append)
    (sentence,) = (sentence for sentence in warnings if "hardly move" in sentence)
    assert re.match(r"state elbow and \d more hardly move \(0\.0.*radians look so to a base of degrees", sentence)


def test_what_was_refused_leaves_the_name_free(base, dataset, config, tmp_path):
    with pytest.raises(DatasetError, match="lacks the channel"):
        finetune(base, record(tmp_path / "other", joints=("hip", "knee")), config, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    finetune(base, dataset, config, tmp_path / "out")
    before = (tmp_path / "out" / "model.safetensors").read_bytes()
    with pytest.raises(DatasetError):
        finetune(base, Dataset(tmp_path / "other"), config, tmp_path / "out", force=True)
    assert (tmp_path / "out" / "model.safetensors").read_bytes() == before


def test_a_loss_that_is_not_finite_stops_the_run_and_writes_no_policy(base, dataset, config, tmp_path):
    with pytest.raises(TrainingError, match="lower --lr"):
        finetune(base, dataset, replace(config, lr=1e30, warmup=0), tmp_path / "broken")
    assert not (tmp_path / "broken/config.json").exists()


def test_co_training_data_fill_their_share_of_every_batch(dataset, sizes, config, tmp_path):
    policy, frames = scratch_policy(dataset, sizes, seed=0)
    bright = read_frames(record(tmp_path / "co", seed=9), policy.spec)
    for image in bright.images:
        image[:] = 255
    for image in frames.images:
        image[:] = 0
    sources = [Source.encode(part, policy) for part in (frames, bright)]
    settings = replace(config, batch_size=8, jitter=0.0)
    task, other = sources
    batches = BatchSampler(policy.spec, settings, task, [(other, 0.25)])
    for step in range(5):
        picture = batches(step, torch.device("cpu")).images[0]
        assert (picture.flatten(1).float().mean(1) == 255).sum() == 2
    for shares in ([0.01], [0.5, 0.5], [-0.2]):
        with pytest.raises(TrainingError, match="at least one observation for each dataset"):
            BatchSampler(policy.spec, settings, task, [(other, share) for share in shares])


def test_training_learns(dataset, sizes, tmp_path):
    policy, frames = scratch_policy(dataset, sizes, seed=0)
    config = TrainingConfig(steps=120, batch_size=16, lr=3e-3, warmup=5, ema=0.9)
    batches = BatchSampler(policy.spec, config, Source.encode(frames, policy))
    seen = []
    train(policy, batches, config, tmp_path, on_step=lambda line: seen.append(line.loss))
    assert np.mean(seen[-20:]) < 0.8 * np.mean(seen[:20])


def test_the_rate_rises_then_falls_and_the_mean_forgets_its_start():
    rates = [learning_rate(step, peak=1.0, warmup=10, steps=100) for step in range(100)]
    assert np.argmax(rates) == 9
    assert rates[0] < 0.2
    assert rates[-1] < 0.01
    assert ema_decay(0, 0.99) == 0.1
    assert ema_decay(10_000, 0.99) == 0.99


def test_other_light_changes_brightness_not_shape():
    rng = np.random.default_rng(0)
    images = np.full((50, 2, 2, 3), 100, np.uint8)
    lit = Light.draw(50, 0.1, rng).on(images, np.arange(50))
    assert lit.dtype == np.uint8
    assert (lit == lit[:, :1, :1]).all()
    assert 3 < lit.mean((1, 2, 3)).std() < 20


@pytest.mark.parametrize("change", [{"steps": 0}, {"lr": 0.0}, {"ema": 1.0}, {"l2_sp": -0.1}, {"warmup": -1}])
def test_impossible_numbers_are_refused(change):
    with pytest.raises(TrainingError, match=next(iter(change))):
        TrainingConfig(**change)
