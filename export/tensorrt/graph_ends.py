"""Which products of a graph lie at its ends, where numbers from outside enter and the velocity leaves."""

from collections.abc import Set
from dataclasses import dataclass

import onnx
from onnx import TensorProto

_MEASURED = frozenset({"x", "t", "state"})
_RESULTS = frozenset({"velocity", "chunk"})
_IMAGE = "image."
_NORMALIZATIONS = frozenset(
    {"LayerNormalization", "RMSNormalization", "GroupNormalization", "InstanceNormalization", "Softmax"}
)
_STATISTICS = frozenset({"ReduceMean", "ReduceSumSquare", "ReduceL2"})
_KEEPS_STATISTIC = frozenset({"Add", "Mul", "Div", "Sqrt", "Reciprocal", "Pow", "Cast", "Identity"})


@dataclass(frozen=True)
class Ends:
    """Names of products by their first output.

    Attributes:
        products: The operators that count.
        learned: Products whose factors both depend on a weight or on what a prefix computed. Others are arithmetic on
            positions, for which 8 bits are too few.
        first: Those between a measured number and the first normalization, and the first behind an image.
        last: Those that make the velocity or the chunk.
    """

    products: Set[str]
    learned: Set[str]
    first: Set[str]
    last: Set[str]

    @classmethod
    def of(cls, graph: onnx.GraphProto, products: Set[str]) -> "Ends":
        """Walk a graph, whose nodes stand in the order of computation."""
        return cls(products, _learned(graph, products), _first(graph, products), _last(graph, products))

    def inside(self, node: onnx.NodeProto) -> bool:
        """Whether a product is learned and lies at neither end."""
        name = node.output[0]
        return name in self.learned and name not in self.first and name not in self.last


def _learned(graph: onnx.GraphProto, products: Set[str]) -> set[str]:
    inputs = {value.name for value in graph.input}
    depends = {tensor.name for tensor in graph.initializer if tensor.data_location == TensorProto.EXTERNAL}
    # What a step takes beside the measured numbers is what the prefix computed.
    if "x" in inputs:
        depends |= inputs - _MEASURED
    found = set()
    for node in graph.node:
        if not depends.isdisjoint(node.input):
            depends.update(node.output)
            if node.op_type in products and depends.issuperset(node.input[:2]):
                found.add(node.output[0])
    return found


def _first(graph: onnx.GraphProto, products: Set[str]) -> set[str]:
    measured = {value.name for value in graph.input if value.name in _MEASURED}
    seen = {value.name for value in graph.input if value.name.startswith(_IMAGE)}
    statistics: set[str] = set()
    found = set()
    for node in graph.node:
        inputs = set(node.input)
        if node.op_type in products and inputs & (measured | seen):
            found.add(node.output[0])
        if node.op_type not in products and inputs & seen:
            seen.update(node.output)
        of_values, of_statistics = bool(inputs & measured), bool(inputs & statistics)
        begins = of_values and node.op_type in _STATISTICS
        goes_on = of_statistics and not of_values and node.op_type in _KEEPS_STATISTIC
        if begins or goes_on:
            statistics.update(node.output)
        elif of_values and not of_statistics and node.op_type not in _NORMALIZATIONS:
            # Values that meet their own statistic are normalized: there the end is reached.
            measured.update(node.output)
    return found


def _last(graph: onnx.GraphProto, products: Set[str]) -> set[str]:
    wanted = {value.name for value in graph.output if value.name in _RESULTS}
    found = set()
    for node in reversed(graph.node):
        if wanted.isdisjoint(node.output):
            continue
        if node.op_type in products:
            found.add(node.output[0])
        else:
            wanted.update(node.input)
    return found
