"""Linear layers as Gemm, which takes a weight the way PyTorch stores it.

PyTorch's exporter writes Linear on a matrix as Gemm(x, W, b, transB = 1), but on anything of more dimensions as
MatMul(x, Transpose(W)) + b. A runtime that runs such a graph as it is transposes every weight in every run; one that
optimizes it transposes them all, one after the other, when it opens the graph, and that took longer than all else.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import helper, numpy_helper

Shape = tuple[int, ...]


def linear_as_gemm(model: onnx.ModelProto) -> None:
    """Replace MatMul(x, Transpose(W)), and the bias behind it, by a Gemm between two reshapes; the model is changed.

    A layer whose input has no known static shape stays as it is: it computes the same.
    """
    graph = _Graph.of(model.graph)
    nodes: list[onnx.NodeProto] = []
    merged: set[str] = set()
    for node in model.graph.node:
        weight = graph.transposed.get(node.input[1]) if node.op_type == "MatMul" else None
        if weight is not None and node.input[0] in graph.shapes:
            bias = graph.bias_behind(node, width=graph.weights[weight][0])
            result = node.output[0] if bias is None else bias.output[0]
            if bias is not None:
                merged.add(bias.output[0])
            added = None if bias is None else graph.parameter_of(bias)
            nodes.extend(_gemm(node, weight, added, result, graph))
        elif node.output[0] not in merged:
            nodes.append(node)
    used = {name for node in nodes for name in node.input} | graph.outputs
    del model.graph.node[:]
    model.graph.node.extend(node for node in nodes if node.output[0] not in graph.transposed or node.output[0] in used)


@dataclass(frozen=True)
class _Graph:
    """What has to be known of a graph to find its linear layers.

    Attributes:
        weights: Initializers with their shapes.
        shapes: Of values, where they are static.
        transposed: Output of a Transpose of a two-dimensional initializer → that initializer.
        readers: By value.
        outputs: Of the graph.
    """

    weights: dict[str, Shape] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)
    transposed: dict[str, str] = field(default_factory=dict)
    readers: dict[str, list[onnx.NodeProto]] = field(default_factory=dict)
    outputs: frozenset[str] = frozenset()

    @classmethod
    def of(cls, graph: onnx.GraphProto) -> "_Graph":
        found = cls(
            weights={tensor.name: tuple(tensor.dims) for tensor in graph.initializer},
            outputs=frozenset(value.name for value in graph.output),
        )
        for value in (*graph.input, *graph.value_info):
            shape = tuple(size.dim_value for size in value.type.tensor_type.shape.dim)
            if value.type.tensor_type.HasField("shape") and shape and all(shape):
                found.shapes[value.name] = shape
        for node in graph.node:
            if node.op_type == "Transpose" and len(found.weights.get(node.input[0], ())) == 2:
                order = next((list(attribute.ints) for attribute in node.attribute), [1, 0])
                if order == [1, 0]:
                    found.transposed[node.output[0]] = node.input[0]
            for name in node.input:
                found.readers.setdefault(name, []).append(node)
        return found

    def bias_behind(self, node: onnx.NodeProto, width: int) -> onnx.NodeProto | None:
        """The Add of a parameter of this width that alone reads a node's result."""
        readers = self.readers.get(node.output[0], [])
        if len(readers) != 1 or readers[0].op_type != "Add" or node.output[0] in self.outputs:
            return None
        name = self.parameter_of(readers[0])
        return readers[0] if name is not None and self.weights[name] == (width,) else None

    def parameter_of(self, add: onnx.NodeProto) -> str | None:
        """The initializer among an addition's terms."""
        return next((name for name in add.input if name in self.weights), None)


def _gemm(node: onnx.NodeProto, weight: str, bias: str | None, result: str, graph: _Graph) -> Iterator[onnx.NodeProto]:
    *leading, inner = graph.shapes[node.input[0]]
    rows, width = int(np.prod(leading, dtype=np.int64)), graph.weights[weight][0]
    flat, product = f"{result}.rows", f"{result}.gemm"
    yield from _reshape(node.input[0], flat, (rows, inner))
    inputs = [flat, weight] if bias is None else [flat, weight, bias]
    yield helper.make_node("Gemm", inputs, [product], name=node.name, transB=1)
    yield from _reshape(product, result, (*leading, width))


def _reshape(value: str, result: str, shape: Shape) -> Iterator[onnx.NodeProto]:
    target = numpy_helper.from_array(np.array(shape, np.int64))
    yield helper.make_node("Constant", [], [f"{result}.shape"], value=target)
    yield helper.make_node("Reshape", [value, f"{result}.shape"], [result])
