"""What one run of an exported graph has to compute and to read, counted from the graph itself.

A product of matrices counts 2 operations per multiplication (it is added to something), as torch's FlopCounterMode
counts; additions, norms and activations are not counted: they are a small part, and engines fuse them into products.
Read are, at least, every weight once, the graph's inputs and its outputs; what lies between may stay in the cache. Of
a table only the rows that are looked up are read.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retain.bench.graph_shapes import Shape, static_shapes
from retain.errors import ExportError, require

_VIEWS = frozenset({"Cast", "CastLike", "Identity", "Reshape", "Transpose", "Squeeze", "Unsqueeze"})
"""What an engine does with a weight when it opens the graph, so that a run reads the weight itself once."""

_NO_RULE = frozenset(
    {
        "ConvInteger", "DeformConv", "GRU", "If", "LSTM", "Loop", "MatMulInteger", "QLinearConv", "QLinearMatMul",
        "RNN", "Scan",
    }
)  # fmt: skip
"""Products that have no rule here: they are named instead of being counted as nothing."""

_ITEM_BYTES = {1: 4, 2: 1, 3: 1, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 16: 2}
"""By TensorProto.DataType: float, uint8, int8, int32, int64, bool, float16, double, bfloat16."""


@dataclass(frozen=True)
class GraphCost:
    """One run of a graph.

    Attributes:
        flops: Floating-point operations of all products, 2 per multiplication and addition.
        by_operator: The same, by ONNX operator.
        weights: Elements of weights that a run reads.
        boundary_bytes: Of the graph's inputs and outputs.
        uncounted: Operators that may hold products and have no rule here; `flops` is too small where there are any.
    """

    flops: int
    by_operator: Mapping[str, int]
    weights: int
    boundary_bytes: int
    uncounted: tuple[str, ...] = ()

    def bytes(self, weight_bytes: int) -> int:
        """The least that one run moves.

        Args:
            weight_bytes: Of one weight as the engine holds it: 4 where it computes in float32.
        """
        return self.weights * weight_bytes + self.boundary_bytes


def cost_of(file: Path) -> GraphCost:
    """Count a graph of a bundle. Its weights are not read.

    Raises:
        ExportError: It is no ONNX file, or a product's shape is not static.
        MissingExtraError: onnx is not installed.
    """
    onnx = require("onnx", extra="export")
    broken = require("google.protobuf.message", extra="export").DecodeError
    try:
        model = onnx.load(file, load_external_data=False)
    except (broken, OSError) as error:
        raise ExportError(f"{file} is not an ONNX graph ({error}); export the bundle again") from error
    return cost_of_model(model)


def cost_of_model(model: Any) -> GraphCost:
    """Count an `onnx.ModelProto`; `cost_of` describes the errors."""
    graph, shapes = model.graph, static_shapes(model)
    flops: Counter[str] = Counter()
    uncounted = set()
    for node in graph.node:
        rule = _RULES.get(node.op_type) if not node.domain else None
        if rule is not None:
            flops[node.op_type] += rule(node, _Shapes(node, shapes))
        elif node.domain or node.op_type in _NO_RULE:
            uncounted.add(f"{node.domain}::{node.op_type}" if node.domain else node.op_type)
    boundary = [value for value in (*graph.input, *graph.output) if value.name not in _weights(graph)]
    return GraphCost(
        flops=sum(flops.values()),
        by_operator=dict(sorted(flops.items())),
        weights=_weights_read(graph, shapes),
        boundary_bytes=sum(_nbytes(value, shapes) for value in boundary),
        uncounted=tuple(sorted(uncounted)),
    )


@dataclass(frozen=True)
class _Shapes:
    """The shapes around one node, which must be known where a rule asks."""

    node: Any
    known: Mapping[str, Shape]

    def input(self, index: int) -> Shape:
        return self._of(self.node.input[index])

    def output(self) -> Shape:
        return self._of(self.node.output[0])

    def _of(self, name: str) -> Shape:
        if name not in self.known:
            raise ExportError(
                f"the shape of {name}, at {self.node.op_type} {self.node.name}, is not static in this graph;"
                " export the bundle again"
            )
        return self.known[name]


def _matmul(_: Any, at: _Shapes) -> int:
    return 2 * math.prod(at.output()) * at.input(0)[-1]


def _gemm(node: Any, at: _Shapes) -> int:
    inner = at.input(0)[0] if _integer(node, "transA", 0) else at.input(0)[1]
    return 2 * math.prod(at.output()) * inner


def _conv(_: Any, at: _Shapes) -> int:
    # W is (out, in / groups, kernel …).
    return 2 * math.prod(at.output()) * math.prod(at.input(1)[1:])


def _conv_transpose(_: Any, at: _Shapes) -> int:
    # W is (in, out / groups, kernel …): every element of the input meets all of W[c].
    return 2 * math.prod(at.input(0)) * math.prod(at.input(1)[1:])


def _einsum(node: Any, at: _Shapes) -> int:
    equation = next(a.s.decode() for a in node.attribute if a.name == "equation").replace(" ", "")
    terms = equation.partition("->")[0].split(",")
    if len(terms) != 2 or "." in equation:
        raise ExportError(f"an Einsum of {equation!r} cannot be counted; two operands without '...' can")
    sizes = {label: n for i, term in enumerate(terms) for label, n in zip(term, at.input(i), strict=True)}
    return 2 * math.prod(sizes.values())


def _attention(_: Any, at: _Shapes) -> int:
    # Scores: every query element meets every key; values: every output element does. Heads are in the element counts,
    # for 3-dimensional (B, L, heads·D) as for 4-dimensional (B, heads, L, D) inputs.
    return 2 * at.input(1)[-2] * (math.prod(at.input(0)) + math.prod(at.output()))


_RULES: Mapping[str, Callable[[Any, _Shapes], int]] = {
    "MatMul": _matmul,
    "Gemm": _gemm,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Einsum": _einsum,
    "Attention": _attention,
}


def _weights_read(graph: Any, shapes: Mapping[str, Shape]) -> int:
    """Elements of initializers that a run reads: all of each once, or only the rows that are looked up."""
    root = {name: name for name in _weights(graph)}
    looked_up: Counter[str] = Counter()
    whole = set()
    for node in graph.node:
        if node.op_type in _VIEWS and node.input[0] in root:
            root[node.output[0]] = root[node.input[0]]
            continue
        for index, name in enumerate(node.input):
            if name not in root:
                continue
            if node.op_type == "Gather" and index == 0:
                looked_up[root[name]] += math.prod(shapes[node.output[0]])
            else:
                whole.add(root[name])
    sizes = {name: math.prod(shape) for name, shape in _weights(graph).items()}
    return sum(sizes[name] for name in whole) + sum(
        min(count, sizes[name]) for name, count in looked_up.items() if name not in whole
    )


def _weights(graph: Any) -> dict[str, Shape]:
    return {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}


def _nbytes(value: Any, shapes: Mapping[str, Shape]) -> int:
    return math.prod(shapes.get(value.name, ())) * _ITEM_BYTES.get(value.type.tensor_type.elem_type, 4)


def _integer(node: Any, name: str, default: int) -> int:
    return next((int(attribute.i) for attribute in node.attribute if attribute.name == name), default)
