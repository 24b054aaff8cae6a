"""Linear layers as Gemm, which takes a weight the way PyTorch stores it.

PyTorch's exporter writes Linear on a matrix as Gemm(x, W, transB = 1), but on anything of more dimensions as
MatMul(x, Transpose(W)). A runtime that runs such a graph as it is transposes every weight in every run; one that
optimizes it transposes them all, one after the other, when it opens the graph, and that took longer than all else.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import onnx
from onnx import helper, numpy_helper

Shape = tuple[int, ...]


def linear_as_gemm(model: onnx.ModelProto) -> None:
    """Replace MatMul(x, Transpose(W)) by a Gemm between two reshapes; the model is changed.

    The bias stays an addition behind it, as precise as the policy has it where products are not. A layer whose input
    has no known static shape stays as it is: it computes the same.
    """
    weights = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    shapes = _static_shapes(model.graph)
    transposed = _transposed(model.graph, weights)
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        weight = transposed.get(node.input[1]) if node.op_type == "MatMul" else None
        if weight is not None and node.input[0] in shapes:
            nodes.extend(_gemm(node, weight, shapes[node.input[0]], width=weights[weight][0]))
        else:
            nodes.append(node)
    used = {name for node in nodes for name in node.input} | {value.name for value in model.graph.output}
    del model.graph.node[:]
    model.graph.node.extend(
        node for node in nodes if not node.output or node.output[0] not in transposed or node.output[0] in used
    )


def _static_shapes(graph: onnx.GraphProto) -> dict[str, Shape]:
    shapes = {}
    for value in (*graph.input, *graph.value_info):
        tensor = value.type.tensor_type
        shape = tuple(size.dim_value for size in tensor.shape.dim)
        if tensor.HasField("shape") and len(shape) > 0 and all(shape):
            shapes[value.name] = shape
    return shapes


def _transposed(graph: onnx.GraphProto, weights: Mapping[str, Shape]) -> dict[str, str]:
    """Result of a Transpose of a matrix of weights → the matrix."""
    found = {}
    for node in graph.node:
        if node.op_type == "Transpose" and len(weights.get(node.input[0], ())) == 2:
            order = next((list(attribute.ints) for attribute in node.attribute), [1, 0])
            if order == [1, 0]:
                found[node.output[0]] = node.input[0]
    return found


def _gemm(node: onnx.NodeProto, weight: str, shape: Shape, width: int) -> Iterator[onnx.NodeProto]:
    *leading, inner = shape
    result = node.output[0]
    yield from _reshape(node.input[0], f"{result}.rows", (int(np.prod(leading, dtype=np.int64)), inner))
    yield helper.make_node("Gemm", [f"{result}.rows", weight], [f"{result}.gemm"], name=node.name, transB=1)
    yield from _reshape(f"{result}.gemm", result, (*leading, width))


def _reshape(value: str, result: str, shape: Shape) -> Iterator[onnx.NodeProto]:
    target = numpy_helper.from_array(np.array(shape, np.int64))
    yield helper.make_node("Constant", [], [f"{result}.shape"], value=target)
    yield helper.make_node("Reshape", [value, f"{result}.shape"], [result])
