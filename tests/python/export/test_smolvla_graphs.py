"""SmolVLA's two graphs: the checkpoint's tensors and nothing else, and in ONNX Runtime what PyTorch computes."""

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from retain.bundle import WEIGHTS_FILE
from retain.checkpoint import open_checkpoint
from retain.export.graphs import OPSET, trace
from retain.export.linked_weights import MAX_INLINE_BYTES, Layout, link
from retain.policy.smolvla import SmolVLAPolicy
from safetensors.torch import save_file

from ..policy.smolvla.small import INSTRUCTIONS, small_policy  # noqa: TID252 (tests are no package)


@dataclass
class Exported:
    policy: SmolVLAPolicy
    directory: Path

    def graph(self, name: str) -> onnx.ModelProto:
        return onnx.load(self.directory / f"{name}.onnx", load_external_data=False)

    def run(self, name: str, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        import onnxruntime

        session = onnxruntime.InferenceSession(self.directory / f"{name}.onnx", providers=["CPUExecutionProvider"])
        assert {given.name for given in session.get_inputs()} == set(inputs)
        return session.run(None, inputs)


def write(policy: SmolVLAPolicy, traced: dict[str, onnx.ModelProto], directory: Path, dtype: torch.dtype) -> Exported:
    weights = {name: tensor.to(dtype) for name, tensor in policy.state_dict().items()}
    save_file(weights, directory / WEIGHTS_FILE)
    policy.load_state_dict(weights)
    checkpoint = open_checkpoint(directory / WEIGHTS_FILE)
    parameters = {name: tensor.numpy() for name, tensor in policy.state_dict().items()}
    for name, model in traced.items():
        linked = link(deepcopy(model), Layout(checkpoint.tensors, checkpoint.aliases), parameters)
        onnx.save(linked, directory / f"{name}.onnx")
    return Exported(policy, directory)


@pytest.fixture(scope="module")
def traced() -> dict[str, onnx.ModelProto]:
    torch.set_num_threads(1)
    prefix, step = trace(small_policy())
    assert step is not None
    return {"prefix": prefix, "step": step}


@pytest.fixture(scope="module")
def exported(traced: dict[str, onnx.ModelProto], tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return write(small_policy(), traced, tmp_path_factory.mktemp("smolvla"), torch.float32)


@pytest.fixture(scope="module")
def observation(exported: Exported) -> dict[str, np.ndarray]:
    """One observation, whose instruction needs padding."""
    generator = np.random.default_rng(0)
    images = {
        f"image.{camera.role}": generator.integers(0, 256, (1, camera.height, camera.width, 3), dtype=np.uint8)
        for camera in exported.policy.spec.cameras
    }
    tokens, mask = exported.policy.encode(INSTRUCTIONS[:1])
    assert not mask.all()
    state = generator.standard_normal((1, 3), dtype=np.float32)
    return {**images, "tokens": tokens.numpy(), "token_mask": mask.numpy(), "state": state}


@pytest.fixture(scope="module")
def rows() -> dict[str, np.ndarray]:
    """Two committed rows, the others each at a time of its own."""
    generator = np.random.default_rng(1)
    t = generator.random((1, 6), dtype=np.float32)
    t[:, :2] = 1
    return {"x": generator.standard_normal((1, 6, 10), dtype=np.float32), "t": t}


@torch.no_grad()
def expected(policy: SmolVLAPolicy, observation: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    tensors = {name: torch.from_numpy(values) for name, values in observation.items()}
    images = [tensors[f"image.{camera.role}"] for camera in policy.spec.cameras]
    return policy.prefix(images, tensors["tokens"], tensors["token_mask"], tensors["state"])


def test_the_graphs_are_valid_and_of_an_opset_that_tensorrt_reads(exported: Exported) -> None:
    for name in ("prefix", "step"):
        onnx.checker.check_model(str(exported.directory / f"{name}.onnx"), full_check=True)
        assert [(entry.domain, entry.version) for entry in exported.graph(name).opset_import] == [("", OPSET)]


def constants(graph: onnx.ModelProto) -> list[onnx.TensorProto]:
    inside = [tensor for tensor in graph.graph.initializer if tensor.data_location != onnx.TensorProto.EXTERNAL]
    nodes = [attribute.t for node in graph.graph.node for attribute in node.attribute]
    return inside + [tensor for tensor in nodes if tensor.dims]


def test_the_only_numbers_inside_are_small(exported: Exported) -> None:
    for name in ("prefix", "step"):
        assert all(onnx.numpy_helper.to_array(x).nbytes <= MAX_INLINE_BYTES for x in constants(exported.graph(name)))


def test_each_graph_reads_exactly_the_tensors_that_it_needs(exported: Exported) -> None:
    linked = {
        name: {
            tensor.name.removeprefix("model.")
            for tensor in exported.graph(name).graph.initializer
            if tensor.data_location == onnx.TensorProto.EXTERNAL
        }
        for name in ("prefix", "step")
    }
    expert = "vlm_with_expert.lm_expert.layers."
    cross = {f"{expert}{layer}.self_attn.{x}_proj.weight" for layer in (1, 3) for x in "kv"}
    read_by_nobody = {
        name
        for name in (key.removeprefix("model.") for key in exported.policy.state_dict())
        if "lm_head" in name or "text_model.norm" in name or ("text_model.layers.3." in name
        and not name.endswith(("input_layernorm.weight", "k_proj.weight", "v_proj.weight")))
    }  # fmt: skip
    assert cross <= linked["prefix"]
    assert not linked["prefix"] & linked["step"]
    everything = {name.removeprefix("model.") for name in exported.policy.state_dict()}
    assert linked["prefix"] | linked["step"] == everything - read_by_nobody


def test_onnx_runtime_computes_what_pytorch_computes(exported: Exported, observation: Any, rows: Any) -> None:
    context = expected(exported.policy, observation)
    found = dict(zip(context, exported.run("prefix", observation), strict=True))
    for name, values in context.items():
        np.testing.assert_allclose(found[name], values.numpy(), atol=1e-4, rtol=0)
    with torch.no_grad():
        velocity = exported.policy.step(torch.from_numpy(rows["x"]), torch.from_numpy(rows["t"]), context)
    assert velocity.abs().max() > 0.5
    (read,) = exported.run("step", {**rows, **found})
    np.testing.assert_allclose(read, velocity.numpy(), atol=1e-4, rtol=0)


def test_weights_stored_in_bfloat16_are_read_as_what_they_are(
    traced: dict[str, onnx.ModelProto], tmp_path: Path, observation: Any, rows: Any
) -> None:
    stored = write(small_policy(), traced, tmp_path, torch.bfloat16)
    context = expected(stored.policy, observation)
    found = dict(zip(context, stored.run("prefix", observation), strict=True))
    with torch.no_grad():
        velocity = stored.policy.step(torch.from_numpy(rows["x"]), torch.from_numpy(rows["t"]), context)
    (read,) = stored.run("step", {**rows, **found})
    np.testing.assert_allclose(read, velocity.numpy(), atol=1e-4, rtol=0)
