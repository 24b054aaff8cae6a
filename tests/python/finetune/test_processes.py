"""Two processes learn what one learns that computes their shards in turns, with whole weights and with sharded ones."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from retain.cli.main import main
from retain.errors import TrainingError
from retain.finetune.processes import Accelerated, Alone, join_processes
from safetensors.torch import load_file

from .smolvla_files import record_video, write_adopted

pytest.importorskip("accelerate")
pytest.importorskip("transformers")

SHARDED = Path(__file__).with_name("sharded_on_cpu.py")
OPTIONS = ["--steps", "6", "--batch-size", "8", "--lr", "1e-3", "--warmup", "2", "--ema", "0.9", "--save-every", "3"]
WHOLE = ("-m", "retain.cli")


def finetune(base, data, output, *options):
    """By this process."""
    assert main(["finetune", str(base), "--data", str(data), *OPTIONS, *options, "-o", str(output)]) == 0


def finetune_by_two(base, data, output, *options, program=WHOLE):
    """By two that torchrun starts, which is what `accelerate launch` does on GPUs."""
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", *program]
    words += ["finetune", str(base), "--data", str(data), *OPTIONS, *options, "-o", str(output)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(words, capture_output=True, text=True, env=environment, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def losses(output):
    return [json.loads(line)["loss"] for line in (output / "training/log.jsonl").read_text().splitlines()]


def distance(one, other):
    return sum((one[name] - other[name]).double().square().sum() for name in one).sqrt()


def agree(base, one, other):
    """The same losses, and weights whose updates differ by rounding.

    AdamW makes steps of full size of gradients that are nothing but rounding (those of the keys' biases), so single
    weights are not compared.
    """
    assert losses(one) == pytest.approx(losses(other), rel=1e-5)
    start, first, second = (load_file(directory / "model.safetensors") for directory in (base, one, other))
    assert distance(first, second) < 1e-3 * distance(start, first)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return write_adopted(tmp_path_factory.mktemp("smolvla"))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return record_video(tmp_path_factory.mktemp("recordings") / "demos", seed=1).path


@pytest.fixture(scope="module")
def alone(base, data, tmp_path_factory):
    """One process that computes four shards in turns."""
    output = tmp_path_factory.mktemp("alone") / "out"
    finetune(base, data, output, "--accumulate", "4", "--freeze", "none")
    return output


@pytest.mark.slow
@pytest.mark.parametrize("program", [WHOLE, (str(SHARDED),)], ids=["whole", "sharded"])
def test_two_processes_learn_what_one_does(base, data, alone, program, tmp_path):
    options = ["--accumulate", "2", "--freeze", "none", "--keep-every", "6"]
    said = finetune_by_two(base, data, tmp_path / "out", *options, program=program)
    assert said.count("a batch of 8: 2 processes, 2 turns each, 2 observations a turn") == 1
    agree(base, alone, tmp_path / "out")
    kept, result = (load_file(tmp_path / "out" / name / "model.safetensors") for name in ("training/step-000006", "."))
    assert all(torch.equal(kept[name], tensor) for name, tensor in result.items())


@pytest.mark.slow
def test_a_state_saved_by_sharded_processes_is_that_of_one_and_resumes_sharded(base, data, tmp_path):
    lora = ["--lora-rank", "2", "--precision", "bf16", "--l2-sp", "0.01"]
    finetune(base, data, tmp_path / "one", *lora, "--accumulate", "2")
    finetune_by_two(base, data, tmp_path / "two", *lora, program=(str(SHARDED),))
    one, two = (load_file(tmp_path / name / "training/resume.safetensors") for name in ("one", "two"))
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        assert (two[name] - tensor).norm() < 0.02 * tensor.norm() + 1e-6, name
    before = losses(tmp_path / "two")
    finetune_by_two(base, data, tmp_path / "two", *lora, "--resume", program=(str(SHARDED),))
    assert losses(tmp_path / "two") == before


def test_without_a_launcher_there_is_one_process(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    processes = join_processes("cpu")
    assert isinstance(processes, Alone)
    assert (processes.rank, processes.count, processes.sharded) == (0, 1, False)
    assert processes.mean(torch.tensor([3.0])).item() == 3.0


def test_precision_is_asked_of_retain_and_not_of_the_launcher(monkeypatch):
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "fp16")
    with pytest.raises(TrainingError, match="leave that to retain finetune --precision bf16"):
        Accelerated("cpu")


def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(TrainingError, match="--device nonsense does not work here"):
        join_processes("nonsense")
    if not torch.cuda.is_available():
        with pytest.raises(TrainingError, match="--device cuda does not work here"):
            join_processes("cuda")
