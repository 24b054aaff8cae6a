"""A convolution keeps a bias exactly where the policy has one."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from retain.export.plain_convolutions import drop_zero_biases

SHAPE = [1, 2, 5, 5]


def convolution(value: float, *, from_input: bool = False) -> onnx.ModelProto:
    """A convolution with a bias as PyTorch's exporter writes it: a scalar, cast like the input, then spread."""
    weights = np.random.default_rng(0).normal(size=(3, 2, 3, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Constant", [], ["zero"], value=helper.make_tensor("", TensorProto.FLOAT, [], [value])),
        helper.make_node("Constant", [], ["count"], value=helper.make_tensor("", TensorProto.INT64, [1], [3])),
        helper.make_node("CastLike", ["scalar" if from_input else "zero", "x"], ["cast"]),
        helper.make_node("Expand", ["cast", "count"], ["bias"]),
        helper.make_node("Conv", ["x", "weights", "bias"], ["y"]),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPE)]
    if from_input:
        inputs.append(helper.make_tensor_value_info("scalar", TensorProto.FLOAT, []))
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, 3, 3])
    graph = helper.make_graph(nodes, "g", inputs, [output], [numpy_helper.from_array(weights, "weights")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def run(model: onnx.ModelProto) -> np.ndarray:
    onnx.checker.check_model(model, full_check=True)
    x = np.random.default_rng(1).normal(size=SHAPE).astype(np.float32)
    feed = {"x": x, "scalar": np.zeros((), np.float32)}
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {value.name: feed[value.name] for value in model.graph.input})[0]


def test_a_bias_of_zeros_and_all_that_made_it_goes() -> None:
    model = convolution(0.0)
    before = run(model)
    drop_zero_biases(model)
    assert [node.op_type for node in model.graph.node] == ["Conv"]
    np.testing.assert_allclose(run(model), before, rtol=1e-5)


@pytest.mark.parametrize("model", [convolution(0.5), convolution(0.0, from_input=True)])
def test_any_other_bias_stays(model: onnx.ModelProto) -> None:
    before = run(model)
    drop_zero_biases(model)
    assert {"Conv", "Expand", "CastLike"} <= {node.op_type for node in model.graph.node}
    np.testing.assert_allclose(run(model), before, rtol=1e-5)


def test_what_a_branch_reads_is_kept() -> None:
    constant = helper.make_node("Constant", [], ["a"], value=helper.make_tensor("", TensorProto.FLOAT, [1], [2.0]))
    branch = helper.make_graph(
        [helper.make_node("Identity", ["a"], ["out"])],
        "branch",
        [],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1])],
    )
    choose = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    unread = helper.make_node("Identity", ["c"], ["nobody"])
    graph = helper.make_graph(
        [constant, unread, choose],
        "g",
        [helper.make_tensor_value_info("c", TensorProto.BOOL, [])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    drop_zero_biases(model)
    assert [node.op_type for node in model.graph.node] == ["Constant", "If"]
