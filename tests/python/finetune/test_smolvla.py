"""SmolVLA-shaped weights over two datasets with video: the loss falls, and a run that was killed is the same run."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

pytest.importorskip("transformers")
pytest.importorskip("av")

from retain.finetune.adapters import TARGETS
from retain.finetune.configuration import TrainingConfig
from retain.finetune.trainable import finished, restrict, trained
from retain.merge.families import detect_family
from retain.merge.partition import make_partition
from retain.policy import load_policy

from ..merge.tensor_lists import read_shapes  # noqa: TID252 (tests are no package that could be named)
from .smolvla_files import record_video, write_adopted

STEPS, SAVE_EVERY = 40, 6
RUNS = {
    "co-ft": ["--freeze", "none", "--lr", "3e-3"],
    "lora": ["--lora-rank", "4", "--lr", "1e-2", "--precision", "bf16"],
}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return write_adopted(tmp_path_factory.mktemp("smolvla"))


@pytest.fixture(scope="module")
def datasets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    return record_video(folder / "demos", seed=1), record_video(folder / "old", seed=2, cameras=("overhead", "hand"))


def command(base, datasets, output, options):
    demos, old = datasets
    return [
        *(sys.executable, "-m", "retain.cli", "finetune", str(base), "--data", str(demos.path)),
        *("--co-data", str(old.path), "--co-ratio", "0.25", "--rename", "overhead=top", "--rename", "hand=wrist"),
        *("--steps", str(STEPS), "--batch-size", "8", "--accumulate", "2", "--warmup", "4", "--ema", "0.9"),
        *("--save-every", str(SAVE_EVERY), "--picture-memory", "0", "--workers", "1", "-o", str(output), *options),
    ]


def quiet(words):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment)


def log(output):
    path = output / "training/log.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def losses(output):
    return [line["loss"] for line in log(output)]


@pytest.mark.slow
@pytest.mark.parametrize("kind", RUNS)
def test_a_killed_run_over_two_datasets_with_video_continues_to_the_same_bits(base, datasets, kind, tmp_path):
    words = command(base, datasets, tmp_path / "killed", RUNS[kind])
    killed = quiet(words)
    whole = quiet(command(base, datasets, tmp_path / "whole", RUNS[kind]))
    deadline = time.monotonic() + 120
    while len(log(tmp_path / "killed")) < SAVE_EVERY + 3 and time.monotonic() < deadline:
        assert killed.poll() is None, killed.stderr.read()
        time.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    before = losses(tmp_path / "killed")
    assert SAVE_EVERY < len(before) < STEPS
    assert not (tmp_path / "killed/config.json").exists()
    again = quiet([*words, "--resume"])
    for process in (whole, again):
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    assert losses(tmp_path / "killed") == losses(tmp_path / "whole")
    assert losses(tmp_path / "killed")[: len(before)] == before
    one, other = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "killed"))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert np.mean(losses(tmp_path / "whole")[-8:]) < 0.8 * np.mean(losses(tmp_path / "whole")[:8])
    assert load_policy(tmp_path / "whole").spec == load_policy(base).spec
    assert one.keys() == load_file(base / "model.safetensors").keys()


def test_only_the_action_expert_is_trained_unless_told_otherwise(base):
    policy = load_policy(base)
    names = [name for name, _ in policy.named_parameters()]
    partition = make_partition(names, detect_family({"type": "smolvla"}, names))
    restrict(policy, TrainingConfig())
    assert set(trained(policy)) == set(partition.tensors("action"))
    policy = load_policy(base)
    restrict(policy, TrainingConfig(freeze=()))
    assert set(trained(policy)) == set(names)


def test_adapters_are_where_lerobot_puts_them(base):
    policy = load_policy(base)
    restrict(policy, TrainingConfig(lora_rank=2))
    adapted = {name.partition(".lora_A")[0] for name in trained(policy) if ".lora_A" in name}
    expert = "model.vlm_with_expert.lm_expert.layers.{}.self_attn.{}_proj"
    expected = {expert.format(layer, part) for layer in range(4) for part in "qv"}
    io = ("state_proj", "action_in_proj", "action_out_proj", "action_time_mlp_in", "action_time_mlp_out")
    assert adapted == expected | {f"model.{name}" for name in io}


def test_folded_adapters_compute_what_the_adapted_policy_did(base):
    policy = load_policy(base)
    restrict(policy, TrainingConfig(lora_rank=2, lora_alpha=3.0))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in trained(policy).values():
            parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
    images = {one.role: np.full((2, one.height, one.width, 3), 90, np.uint8) for one in policy.spec.cameras}
    state = np.ones((2, 3), np.float32)
    chunks = [
        one.eval().predict_chunk(images, state, ["lift the red block"] * 2, generator=torch.Generator().manual_seed(1))
        for one in (policy, finished(policy, {}), load_policy(base))
    ]
    np.testing.assert_allclose(chunks[0], chunks[1], atol=1e-5)
    assert np.abs(chunks[0] - chunks[2]).max() > 1e-3


def test_adapters_on_a_bf16_base_are_folded_in_float32(tmp_path):
    base = write_adopted(tmp_path, torch.bfloat16)
    policy = load_policy(base)
    stored = {name: tensor.clone() for name, tensor in policy.state_dict().items()}
    restrict(policy, TrainingConfig(lora_rank=2, lora_alpha=6.0, lora_targets=r"model\.state_proj"))
    adapter = policy.model.state_proj
    down, up = adapter.lora_A["default"].weight, adapter.lora_B["default"].weight
    with torch.no_grad():
        up.copy_(1e-3 * torch.randn(up.shape, generator=torch.Generator().manual_seed(0)))
    folded = finished(policy, {}).state_dict()["model.state_proj.weight"]
    exact = stored["model.state_proj.weight"].double() + 6.0 / 2 * up.double() @ down.double()
    torch.testing.assert_close(folded.double(), exact, atol=1e-7, rtol=0)
    assert not torch.equal(folded, folded.bfloat16().float())


@pytest.mark.parametrize(("family", "layers"), [("smolvla", 16), ("pi0", 18), ("pi05", 18)])
def test_the_targets_of_a_family_are_queries_and_values_of_its_expert_and_what_goes_in_and_out(family, layers):
    names = [name.removesuffix(".weight") for name in read_shapes(family) if name.endswith(".weight")]
    chosen = [name for name in names if re.fullmatch(TARGETS[family], name)]
    attention = [name for name in chosen if name.endswith(("q_proj", "v_proj"))]
    assert len(attention) == 2 * layers
    assert all("expert" in name.replace("_with_expert", "") for name in attention)
    ends = {name.removeprefix("model.") for name in chosen if name not in attention}
    state = {"state_proj"} if family != "pi05" else set()
    time = "time_mlp" if family == "pi05" else "action_time_mlp"
    assert ends == {"action_in_proj", "action_out_proj", f"{time}_in", f"{time}_out"} | state
