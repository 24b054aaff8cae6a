"""Axes, shapes and indices as plain constants: TensorRT wants some of them readable when it parses the graph.

PyTorch's exporter writes an axis as a reshaped constant, a shape as a concatenation of constants. Integers alone are
folded here: a folded parameter would not follow another α.
"""

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

_MAX_ELEMENTS = 64
"""Shapes and axes have a handful; tables of positions stay as the policy made them."""


def fold_integers(model: onnx.ModelProto) -> None:
    """Replace every node that computes a few integers from constant integers by its result; the model is changed."""
    known: dict[str, npt.NDArray[np.generic]] = {}
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        constant = _constant(node)
        if constant is not None:
            known[node.output[0]] = constant
        elif node.input and all(name in known for name in node.input):
            folded = _evaluate(node, known, model)
            if folded is not None:
                known[node.output[0]] = folded
                value = numpy_helper.from_array(folded)
                nodes.append(helper.make_node("Constant", [], list(node.output), name=node.name, value=value))
                continue
        nodes.append(node)
    used = {name for node in nodes for name in node.input} | {value.name for value in model.graph.output}
    del model.graph.node[:]
    model.graph.node.extend(node for node in nodes if node.op_type != "Constant" or node.output[0] in used)


def _constant(node: onnx.NodeProto) -> npt.NDArray[np.generic] | None:
    if node.op_type != "Constant":
        return None
    attribute = node.attribute[0]
    if attribute.name == "value":
        value: npt.NDArray[np.generic] = numpy_helper.to_array(attribute.t)
    elif attribute.name in {"value_int", "value_ints"}:
        value = np.array(onnx.helper.get_attribute_value(attribute), np.int64)
    else:
        return None
    return value if _small_integers(value) else None


def _evaluate(
    node: onnx.NodeProto, known: dict[str, npt.NDArray[np.generic]], model: onnx.ModelProto
) -> npt.NDArray[np.generic] | None:
    """What a node computes, or None where that is no handful of integers."""
    if len(node.output) != 1 or any(attribute.HasField("g") for attribute in node.attribute):
        return None
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(known[name].dtype), known[name].shape)
        for name in dict.fromkeys(node.input)
    ]
    graph = helper.make_graph([node], "fold", inputs, [onnx.ValueInfoProto(name=node.output[0])])
    alone = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    (result,) = ReferenceEvaluator(alone).run(None, {name: known[name] for name in node.input})
    value = np.asarray(result)
    return value if _small_integers(value) else None


def _small_integers(value: npt.NDArray[np.generic]) -> bool:
    return value.size <= _MAX_ELEMENTS and np.issubdtype(value.dtype, np.integer)
