"""Linear layers take their weights as PyTorch stores them; the numbers stay the same."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from retain.export.linear_layers import linear_as_gemm

FLOAT = TensorProto.FLOAT


def layer(leading: list[int], inner: int, width: int, *, bias: bool, known: bool = True) -> onnx.ModelProto:
    """Linear on a tensor of `leading` + (inner,), as the exporter writes it, with a Relu before and behind."""
    generator = np.random.default_rng(0)
    weight = generator.standard_normal((width, inner), dtype=np.float32)
    parameters = {"w": weight, "b": generator.standard_normal(width, dtype=np.float32)}
    nodes = [
        helper.make_node("Relu", ["x"], ["h"]),
        helper.make_node("Transpose", ["w"], ["w.T"], perm=[1, 0]),
        helper.make_node("MatMul", ["h", "w.T"], ["product"]),
    ]
    if bias:
        nodes.append(helper.make_node("Add", ["product", "b"], ["sum"]))
    nodes.append(helper.make_node("Relu", ["sum" if bias else "product"], ["y"]))
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", FLOAT, [*leading, inner])],
        [helper.make_tensor_value_info("y", FLOAT, [*leading, width])],
        [numpy_helper.from_array(value, name) for name, value in parameters.items()],
        value_info=[helper.make_tensor_value_info("h", FLOAT, [*leading, inner])] if known else [],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])


def run(model: onnx.ModelProto) -> np.ndarray:
    shape = [size.dim_value for size in model.graph.input[0].type.tensor_type.shape.dim]
    x = np.random.default_rng(1).standard_normal(shape, dtype=np.float32)
    return ReferenceEvaluator(model).run(None, {"x": x})[0]


def operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node if node.op_type not in ("Constant", "Reshape", "Relu")]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=3), st.integers(1, 5), st.integers(1, 5), st.booleans())
def test_a_linear_layer_becomes_a_gemm_that_computes_the_same(
    leading: list[int], inner: int, width: int, bias: bool
) -> None:
    model = layer(leading, inner, width, bias=bias)
    before = run(model)
    linear_as_gemm(model)
    onnx.checker.check_model(model, full_check=True)
    assert operators(model) == (["Gemm", "Add"] if bias else ["Gemm"])
    (gemm,) = (node for node in model.graph.node if node.op_type == "Gemm")
    assert gemm.input[1] == "w"
    np.testing.assert_allclose(run(model), before, atol=1e-5)


def test_a_layer_whose_input_has_no_static_shape_stays() -> None:
    model = layer([2, 3], 4, 5, bias=True, known=False)
    linear_as_gemm(model)
    assert operators(model) == ["Transpose", "MatMul", "Add"]


def test_a_weight_that_is_also_read_transposed_elsewhere_stays_for_that() -> None:
    model = layer([2, 3], 4, 5, bias=True)
    model.graph.output.append(helper.make_tensor_value_info("w.T", FLOAT, [4, 5]))
    linear_as_gemm(model)
    onnx.checker.check_model(model, full_check=True)
    assert operators(model) == ["Transpose", "Gemm", "Add"]


@pytest.mark.parametrize("name", ["prefix.onnx", "step.onnx"])
def test_no_exported_graph_transposes_a_parameter(exported: Path, name: str) -> None:
    graph = onnx.load(exported / name, load_external_data=False).graph
    parameters = {tensor.name for tensor in graph.initializer}
    assert not [node.name for node in graph.node if node.op_type == "Transpose" and node.input[0] in parameters]
    assert "Gemm" in {node.op_type for node in graph.node}
