"""ACT leaves PyTorch as one graph: pictures as the camera gives them and a state in, a chunk out."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from retain.bundle import WEIGHTS_FILE
from retain.checkpoint import open_checkpoint
from retain.export.graphs import signature, trace
from retain.export.linked_weights import MAX_INLINE_BYTES, Layout, link
from retain.policy.act import ACTPolicy
from safetensors.torch import save_file

from ..policy.act.tiny_act import act_policy, observation  # noqa: TID252 (tests are no package that could be named)

WAYS = [
    {},
    pytest.param(
        {"pre_norm": True, "use_vae": False, "vision_backbone": "resnet50", "feedforward_activation": "gelu"},
        marks=pytest.mark.slow,
    ),
]


@pytest.fixture(scope="module", params=WAYS, ids=["resnet18", "resnet50"])
def exported(request, tmp_path_factory: pytest.TempPathFactory) -> tuple[ACTPolicy, Path]:
    """A policy, and a directory with its weights and its linked graph."""
    policy, directory = act_policy(**request.param), tmp_path_factory.mktemp("act")
    save_file(policy.state_dict(), directory / WEIGHTS_FILE)
    checkpoint = open_checkpoint(directory / WEIGHTS_FILE)
    prefix, step = trace(policy)
    assert step is None
    parameters = {name: tensor.numpy() for name, tensor in policy.state_dict().items()}
    onnx.save(link(prefix, Layout(checkpoint.tensors, checkpoint.aliases), parameters), directory / "prefix.onnx")
    return policy, directory


def graph(exported: tuple[ACTPolicy, Path]) -> onnx.ModelProto:
    return onnx.load(exported[1] / "prefix.onnx", load_external_data=False)


def test_the_graph_reads_cameras_and_state_and_no_words(exported: tuple[ACTPolicy, Path]) -> None:
    onnx.checker.check_model(str(exported[1] / "prefix.onnx"), full_check=True)
    found = signature(graph(exported), "prefix.onnx")
    assert [(tensor.name, tensor.dtype, tensor.shape) for tensor in found.inputs] == [
        ("image.top", "uint8", (1, 48, 64, 3)),
        ("image.wrist", "uint8", (1, 40, 33, 3)),
        ("state", "float32", (1, 4)),
    ]
    assert [(tensor.name, tensor.shape) for tensor in found.outputs] == [("chunk", (1, 7, 3))]


def test_every_weight_is_linked_but_those_of_training(exported: tuple[ACTPolicy, Path]) -> None:
    policy, _ = exported
    external = [
        tensor.name for tensor in graph(exported).graph.initializer if tensor.data_location == onnx.TensorProto.EXTERNAL
    ]
    # Outside of training the latent is zeros, and what is left of its projection is the bias.
    training = {name for name in policy.state_dict() if name.startswith("model.vae_encoder")}
    assert set(external) == policy.state_dict().keys() - training - {"model.encoder_latent_input_proj.weight"}


def test_convolutions_can_be_joined_to_what_follows(exported: tuple[ACTPolicy, Path]) -> None:
    nodes = graph(exported).graph.node
    backbone = [node for node in nodes if node.op_type == "Conv" and "backbone" in node.input[1]]
    assert len(backbone) >= 2 * 20
    assert all(len(node.input) == 2 for node in backbone)
    assert not {node.op_type for node in nodes} & {"CastLike", "Shape", "If", "Loop"}


def test_no_constant_of_the_graph_is_large(exported: tuple[ACTPolicy, Path]) -> None:
    model = graph(exported)
    inline = [tensor for tensor in model.graph.initializer if tensor.data_location != onnx.TensorProto.EXTERNAL]
    inline += [
        attribute.t
        for node in model.graph.node
        for attribute in node.attribute
        if attribute.type == onnx.AttributeProto.TENSOR
    ]
    assert max(numpy_helper.to_array(tensor).nbytes for tensor in inline) <= MAX_INLINE_BYTES


def run(directory: Path, inputs: dict[str, np.ndarray]) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(directory / "prefix.onnx", options, providers=["CPUExecutionProvider"])
    return session.run(["chunk"], inputs)[0]


def fed(policy: ACTPolicy, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The graph's inputs and what PyTorch makes of them."""
    images, tokens, mask, state = observation(policy, 1, seed)
    with torch.no_grad():
        expected = policy.prefix(images, tokens, mask, state)["chunk"].numpy()
    roles = [f"image.{camera.role}" for camera in policy.spec.cameras]
    return {**dict(zip(roles, (image.numpy() for image in images), strict=True)), "state": state.numpy()}, expected


@pytest.mark.parametrize("seed", [1, 2])
def test_onnx_runtime_says_what_pytorch_says(exported: tuple[ACTPolicy, Path], seed: int) -> None:
    policy, directory = exported
    inputs, expected = fed(policy, seed)
    np.testing.assert_allclose(run(directory, inputs), expected, atol=1e-4)


def test_other_weights_in_the_same_file_are_another_policy(exported: tuple[ACTPolicy, Path], tmp_path: Path) -> None:
    policy, directory = exported
    inputs, before = fed(policy, 3)
    changed = {
        name: tensor * 1.25 if name.startswith("model.backbone.layer1") else tensor
        for name, tensor in policy.state_dict().items()
    }
    save_file(changed, tmp_path / WEIGHTS_FILE)
    (tmp_path / "prefix.onnx").write_bytes((directory / "prefix.onnx").read_bytes())
    other = act_policy(**asdict(policy.config))
    other.load_state_dict(changed)
    _, expected = fed(other, 3)
    assert np.abs(expected - before).max() > 1e-3
    np.testing.assert_allclose(run(tmp_path, inputs), expected, atol=1e-4)
