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
        first: Those between a measured number and the first normalization, or whatever lies further inside, and the
            first behind an image.
        last: Those that make the velocity or the chunk.
    """

    products: Set[str]
    learned: Set[str]
    first: Set[str]
    last: Set[str]

    @classmethod
    def of(cls, graph: onnx.GraphProto, products: Set[str]) -> "Ends":
        """Walk a graph, whose nodes stand in the order of computation."""
        learned = _learned(graph, products)
        return cls(products, learned, _first(graph, products, learned), _last(graph, products))

    def inside(self, node: onnx.NodeProto) -> bool:
        """Whether a product is learned and lies at neither end."""
        name = node.output[0]
        return name in self.learned and name not in self.first and name not in self.last


def _learned(graph: onnx.GraphProto, products: Set[str]) -> set[str]:
    depends = {tensor.name for tensor in graph.initializer if tensor.data_location == TensorProto.EXTERNAL}
    depends |= _handed_over(graph)
    found = set()
    for node in graph.node:
        if not depends.isdisjoint(node.input):
            depends.update(node.output)
            if node.op_type in products and depends.issuperset(node.input[:2]):
                found.add(node.output[0])
    return found


def _first(graph: onnx.GraphProto, products: Set[str], learned: Set[str]) -> set[str]:
    """Follow measured numbers until they are normalized, or meet what was computed further inside.

    The second is where π0.5 scales normalized activations by a function of t, and where ACT puts the state beside what
    it saw.
    """
    measured = {value.name for value in graph.input if value.name in _MEASURED}
    seen = {value.name for value in graph.input if value.name.startswith(_IMAGE)}
    inner = _handed_over(graph)
    statistics: set[str] = set()
    found = set()
    for node in graph.node:
        inputs, outputs = set(node.input), set(node.output)
        of_values, of_inner = bool(inputs & measured), bool(inputs & inner)
        of_statistics = bool(inputs & statistics)
        if node.op_type in products:
            if of_values or inputs & seen:
                found.add(node.output[0])
            if of_values and not of_inner:
                measured |= outputs
            elif outputs & learned:
                inner |= outputs
        elif node.op_type in (_STATISTICS if of_values else _KEEPS_STATISTIC if of_statistics else ()):
            statistics |= outputs
        elif of_inner or (of_values and (of_statistics or node.op_type in _NORMALIZATIONS)):
            # Values that meet their own statistic are normalized.
            inner |= outputs
        elif of_values:
            measured |= outputs
        elif inputs & seen:
            seen |= outputs
    return found


def _handed_over(graph: onnx.GraphProto) -> set[str]:
    """What a step takes beside the measured numbers is what the prefix computed."""
    inputs = {value.name for value in graph.input}
    return inputs - _MEASURED if "x" in inputs else set()


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
