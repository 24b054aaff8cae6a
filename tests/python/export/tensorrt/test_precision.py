"""Products in bfloat16 or float16: which, how far that is from float32, and that weights take no detour."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, parser
from retain.bundle import GoldenCase
from retain.bundle.engine_plans import Precision
from retain.errors import ExportError
from retain.export.export import export_policy
from retain.export.tensorrt.graph_ends import Ends
from retain.export.tensorrt.precision import GOLDEN_ATOL, PRODUCTS, check_precision, with_products_in

LOW_TYPES = {"bf16": TensorProto.BFLOAT16, "fp16": TensorProto.FLOAT16}


def products(graph: onnx.GraphProto) -> dict[str, bool]:
    """Weights' names of the products that have one, and whether they are computed in float32."""
    producers = {output: node for node in graph.node for output in node.output}
    found = {}
    for node in graph.node:
        if node.op_type in PRODUCTS:
            name = node.input[1]
            while name in producers and producers[name].op_type in {"Transpose", "Cast"}:
                name = producers[name].input[0]
            found[name.removesuffix("::stored")] = not node.output[0].endswith("::low")
    return found


def test_the_ends_stay_in_float32(exported: Path) -> None:
    step = with_products_in(onnx.load(exported / "step.onnx", load_external_data=False), "bf16")
    in_float32 = {name for name, kept in products(step.graph).items() if kept}
    assert in_float32 == {
        "action.rows.weight",
        "action.time_in.weight",
        "action.time_out.weight",
        "action.velocity.weight",
    }
    prefix = with_products_in(onnx.load(exported / "prefix.onnx", load_external_data=False), "bf16")
    kept = products(prefix.graph)
    assert kept["vision.conv1.weight"]
    assert not kept["vision.conv2.weight"]
    assert not kept["language.backbone.0.qkv.weight"]


def test_inputs_outputs_and_weights_keep_name_and_type(exported: Path) -> None:
    for name in ("prefix.onnx", "step.onnx"):
        before = onnx.load(exported / name, load_external_data=False)
        after = with_products_in(before, "bf16")
        assert list(after.graph.input) == list(before.graph.input)
        assert list(after.graph.output) == list(before.graph.output)
        assert list(after.graph.initializer) == list(before.graph.initializer)


def test_softmax_and_norms_see_float32(exported: Path) -> None:
    step = with_products_in(onnx.load(exported / "step.onnx", load_external_data=False), "bf16")
    for node in step.graph.node:
        if node.op_type in {"Softmax", "LayerNormalization", "Erf", "Sin", "Cos"}:
            assert not any(name.endswith("::low") for name in node.input)


def test_weights_stored_in_bfloat16_go_to_their_product_as_they_are(bfloat16_policy: Path, tmp_path: Path) -> None:
    export_policy(bfloat16_policy, tmp_path / "b")
    step = with_products_in(onnx.load(tmp_path / "b" / "step.onnx", load_external_data=False), "bf16")
    low = [node for node in step.graph.node if node.op_type == "Gemm" and node.output[0].endswith("::low")]
    assert [node.input[1] for node in low if node.input[1].endswith(".weight::stored")]
    stored = {tensor.name for tensor in step.graph.initializer}
    casts = [node for node in step.graph.node if node.op_type == "Cast" and node.attribute[0].i == TensorProto.BFLOAT16]
    producers_of_casts = {node.input[0] for node in casts}
    assert producers_of_casts.isdisjoint(name.removesuffix("::stored") for name in stored)


def test_position_arithmetic_stays_in_float32() -> None:
    # Rotary angles: a product of two numbers that nobody learned; 8 bits of a position are wrong from 257 on.
    model = parser.parse_model(
        """<ir_version: 10, opset_import: ["" : 18]> step (float[1,4] x, float[1,4,1] kv) => (float[1,4,4] velocity) {
            frequencies = Constant <value = float[1,4] {1.0, 0.5, 0.25, 0.125}> ()
            positions = Constant <value = float[4,1] {0.0, 1.0, 2.0, 3.0}> ()
            angles = MatMul (positions, frequencies)
            keys = Mul (kv, angles)
            velocity = MatMul (keys, keys)
        }"""
    )
    ends = Ends.of(model.graph, PRODUCTS)
    assert ends.learned == {"velocity"}


def as_computed(graph: onnx.ModelProto, low: int) -> onnx.ModelProto:
    """The same rounding in types that ONNX Runtime's CPU knows: products of rounded numbers, rounded themselves."""
    copy = onnx.ModelProto()
    copy.CopyFrom(graph)
    nodes = []
    for node in graph.graph.node:
        if node.op_type not in PRODUCTS or not node.output[0].endswith("::low"):
            nodes.append(node)
            continue
        product = onnx.NodeProto()
        product.CopyFrom(node)
        (result,) = node.output
        for index, name in enumerate(node.input):
            product.input[index] = f"{result}.{index}"
            nodes.append(helper.make_node("Cast", [name], [product.input[index]], to=TensorProto.FLOAT))
        product.output[0] = f"{result}.float32"
        nodes += [product, helper.make_node("Cast", [product.output[0]], [result], to=low)]
    del copy.graph.node[:]
    copy.graph.node.extend(nodes)
    return copy


def chunk(bundle: Path, case: GoldenCase, steps: int, precision: Precision) -> npt.NDArray[np.float32]:
    """A chunk from the golden inputs, with the rounding that TensorRT's products have."""
    sessions = []
    for name in ("prefix.onnx", "step.onnx"):
        graph = with_products_in(onnx.load(bundle / name, load_external_data=False), precision)
        file = bundle / f"{precision}-{name}"
        onnx.save(graph if precision == "fp32" else as_computed(graph, LOW_TYPES[precision]), file)
        sessions.append(onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"]))
    prefix, step = sessions
    outputs = dict(
        zip([output.name for output in prefix.get_outputs()], prefix.run(None, case.prefix_inputs), strict=True)
    )
    context = {value.name: outputs[value.name] for value in step.get_inputs() if value.name not in {"x", "t"}}
    x = case.noise
    for index in range(steps):
        t = np.full(x.shape[:2], index / steps, np.float32)
        x = x + step.run(None, {"x": x, "t": t, **context})[0] / np.float32(steps)
    return x


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_a_chunk_is_within_the_tolerance_of_its_precision_and_not_equal(
    precision: Precision, bundle_copy: Path
) -> None:
    case = GoldenCase.load(bundle_copy / "golden.safetensors")
    exact, rounded = (chunk(bundle_copy, case, 4, kind) for kind in ("fp32", precision))
    np.testing.assert_allclose(exact, case.chunk, atol=1e-5)
    error = float(np.abs(rounded - exact).max()) / max(1.0, float(np.abs(exact).max()))
    assert 1e-6 < error < GOLDEN_ATOL[precision] / 4


def test_float16_is_refused_for_the_pi_family_with_the_reason() -> None:
    for family in ("pi0", "pi05"):
        with pytest.raises(ExportError, match=r"float16's range.*--trt-precision bf16"):
            check_precision(family, "fp16")
    check_precision("pi0", "bf16")
    check_precision("smolvla", "fp16")


def test_float32_is_the_graph_itself(exported: Path) -> None:
    graph = onnx.load(exported / "step.onnx", load_external_data=False)
    assert with_products_in(graph, "fp32") == graph
