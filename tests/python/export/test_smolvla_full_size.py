"""SmolVLA at its real size, 450 million random weights stored in bfloat16: merged at two α, exported, run in C++."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx.external_data_helper import uses_external_data
from retain.bundle import WEIGHTS_FILE, Bundle
from retain.engine import EnginePlayer
from retain.export.export import merge_export
from retain.export.linked_weights import MAX_INLINE_BYTES
from retain.policy import (
    ActionChannel,
    Affine,
    CameraSpec,
    Channel,
    FlowSpec,
    Normalization,
    PolicySpec,
    load_policy,
)
from retain.policy.smolvla import SmolVLAConfig, SmolVLAPolicy
from retain.policy.tokenization import train_tokenizer

from ..policy.smolvla.lerobot_files import adopt_smolvla  # noqa: TID252 (tests are no package)

TASK = "pick up the cube"
JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
PARAMETERS = 450_046_176


def so100_spec() -> PolicySpec:
    """As `lerobot/smolvla_base`: one camera, six joints, chunks of 50 rows."""
    return PolicySpec(
        family="smolvla",
        cameras=(CameraSpec("front", 480, 640),),
        state=tuple(Channel(name, "rad") for name in JOINTS),
        action=tuple(ActionChannel(name, "rad", "absolute", "linear") for name in JOINTS),
        dt_s=1 / 30,
        horizon=50,
        n_action_steps=50,
        max_tokens=48,
        flow=FlowSpec(10, width=32),
        max_trained_delay=0,
        normalization=Normalization(state=Affine((0.0,) * 6, (1.0,) * 6), action=Affine((0.0,) * 6, (1.0,) * 6)),
    )


def inline_bytes(model: onnx.ModelProto) -> list[int]:
    """Sizes of the tensors that a graph holds itself."""
    own = [tensor for tensor in model.graph.initializer if not uses_external_data(tensor)]
    own += [attribute.t for node in model.graph.node for attribute in node.attribute if attribute.HasField("t")]
    return [onnx.numpy_helper.to_array(tensor).nbytes for tensor in own]


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_two_alphas_of_the_real_size_run_in_cpp_as_in_pytorch(tmp_path: Path) -> None:
    torch.manual_seed(0)
    policy = SmolVLAPolicy(so100_spec(), SmolVLAConfig(), train_tokenizer([TASK], vocabulary=64, max_tokens=48))
    assert sum(parameter.numel() for parameter in policy.parameters()) == PARAMETERS
    base = adopt_smolvla(policy, tmp_path / "base", dtype=torch.bfloat16)
    with torch.no_grad():
        for parameter in policy.model.expert.parameters():
            parameter.mul_(1 + 0.1 * torch.randn_like(parameter))
    finetuned = adopt_smolvla(policy, tmp_path / "finetuned", dtype=torch.bfloat16)
    del policy

    traced = merge_export(base, finetuned, 0.5, tmp_path / "half")
    assert traced.golden is not None
    assert max(traced.golden.errors.values()) <= 1e-4
    assert traced.graph_bytes < 1_000_000
    for file in ("prefix.onnx", "step.onnx"):
        model = onnx.load(tmp_path / "half" / file, load_external_data=False)
        assert max(inline_bytes(model)) <= MAX_INLINE_BYTES
    merge_export(base, finetuned, 0.2, tmp_path / "fifth", graph_from=tmp_path / "half")
    assert (tmp_path / "fifth" / WEIGHTS_FILE).stat().st_size < 1_000_000_000

    generator = np.random.default_rng(1)
    images = {"front": generator.integers(0, 256, (1, 480, 640, 3), dtype=np.uint8)}
    state = generator.standard_normal((1, 6), dtype=np.float32)
    noise = generator.standard_normal((1, 50, 32), dtype=np.float32)
    chunks = {}
    for name in ("half", "fifth"):
        player = EnginePlayer(Bundle.open(tmp_path / name))
        chunks[name] = player.predict_chunk(images, state, [TASK], noise)
        del player
    expected = load_policy(tmp_path / "fifth").predict_chunk(images, state, [TASK], noise)
    largest = float(np.abs(expected).max())
    assert np.abs(chunks["fifth"] - expected).max() <= 1e-3 * largest
    assert np.abs(chunks["half"] - expected).max() > 1e-2 * largest
