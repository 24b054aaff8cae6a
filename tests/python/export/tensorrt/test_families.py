"""Every family that is exported: NVIDIA's parser takes its graphs in each precision, and knows each weight by name."""

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from retain.bundle import Bundle
from retain.bundle.engine_plans import Precision
from retain.export.export import export_policy
from retain.export.tensorrt.build import build_engines
from retain.export.tensorrt.graph_ends import Ends
from retain.export.tensorrt.network import linked_weights, read_network, unknown_weights
from retain.export.tensorrt.precision import PRODUCTS, with_products_in

from ...installed_tensorrt_rtx import needs_tensorrt_rtx, without_gpu  # noqa: TID252 (tests are no package)
from ...policy.act.lerobot_files import adopt_act  # noqa: TID252
from ...policy.act.tiny_act import act_policy  # noqa: TID252
from ...policy.pi0 import tiny  # noqa: TID252
from ...policy.pi0.lerobot_files import adopt_pi0  # noqa: TID252
from ...policy.smolvla.lerobot_files import adopt_smolvla  # noqa: TID252
from ...policy.smolvla.small import small_policy  # noqa: TID252


def act(directory: Path) -> Path:
    return adopt_act(act_policy(0), directory)


def smolvla(directory: Path) -> Path:
    return adopt_smolvla(small_policy(), directory)


def smolvla_in_bfloat16(directory: Path) -> Path:
    import torch

    return adopt_smolvla(small_policy(), directory, dtype=torch.bfloat16)


def pi0(directory: Path) -> Path:
    return adopt_pi0(tiny.policy("pi0"), directory)


def pi05_in_bfloat16(directory: Path) -> Path:
    import torch

    return adopt_pi0(tiny.policy("pi05"), directory, torch.bfloat16)


FAMILIES: list[Callable[[Path], Path]] = [act, smolvla, smolvla_in_bfloat16, pi0, pi05_in_bfloat16]


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda family: family.__name__)
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    directory = tmp_path_factory.mktemp(request.param.__name__)
    export_policy(request.param(directory / "policy"), directory / "bundle")
    return Bundle.open(directory / "bundle")


@needs_tensorrt_rtx
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_graphs_are_read_and_weights_known(bundle: Bundle, precision: Precision) -> None:
    for graph in bundle.manifest.graphs.all:
        model = with_products_in(onnx.load(bundle.file(graph.file), load_external_data=False), precision)
        network = read_network(model, bundle.file(graph.file), without_gpu().flavour)
        weights = [tensor.name for tensor in linked_weights(model)]
        assert len(weights) > 20
        assert unknown_weights(network, weights) == []


IN_FLOAT32 = {
    "act": {"encoder_robot_state_input_proj", "backbone.conv1", "action_head"},
    "smolvla": {
        "vlm_with_expert.vlm.model.vision_model.embeddings.patch_embedding", "state_proj", "action_in_proj",
        "action_time_mlp_in", "action_time_mlp_out", "action_out_proj",
    },
    "pi0": {
        "paligemma_with_expert.paligemma.model.vision_tower.vision_model.embeddings.patch_embedding", "state_proj",
        "action_in_proj", "action_time_mlp_in", "action_time_mlp_out", "action_out_proj",
    },
    "pi05": {
        "paligemma_with_expert.paligemma.model.vision_tower.vision_model.embeddings.patch_embedding", "action_in_proj",
        "time_mlp_in", "time_mlp_out", "action_out_proj",
    },
}  # fmt: skip
"""What LeRobot's bfloat16 checkpoints keep in float32, in its names; of π0.5 also every norm's function of t."""


def test_the_layers_at_both_ends_stay_in_float32_and_the_others_do_not(bundle: Bundle) -> None:
    kept, inside = set(), 0
    for graph in bundle.manifest.graphs.all:
        model = onnx.load(bundle.file(graph.file), load_external_data=False)
        ends = Ends.of(model.graph, PRODUCTS)
        for node in model.graph.node:
            if node.op_type in PRODUCTS and ends.inside(node):
                inside += 1
            elif node.op_type in PRODUCTS and (name := weight_of(node, model.graph)) is not None:
                kept.add(name.removeprefix("model.").removesuffix("::stored").removesuffix(".weight"))
    modulations = {name for name in kept if name.endswith("norm.dense")}
    assert kept - modulations == IN_FLOAT32[bundle.manifest.family]
    assert bool(modulations) == (bundle.manifest.family == "pi05")
    assert inside > 50


def weight_of(node: onnx.NodeProto, graph: onnx.GraphProto) -> str | None:
    """The parameter that a product multiplies with, behind transposes and casts."""
    producers = {output: producer for producer in graph.node for output in producer.output}
    parameters = {tensor.name for tensor in graph.initializer if tensor.data_location == onnx.TensorProto.EXTERNAL}
    for name in node.input[:2]:
        while name in producers and producers[name].op_type in {"Transpose", "Cast"}:
            name = producers[name].input[0]  # noqa: PLW2901
        if name in parameters:
            return name
    return None


@needs_tensorrt_rtx
def test_engines_are_built(bundle: Bundle) -> None:
    sidecar = build_engines(bundle.path, bundle.manifest.graphs, without_gpu(), "bf16", 1e-4)
    assert set(sidecar.plans) == ({"prefix"} if bundle.manifest.graphs.step is None else {"prefix", "step"})
