"""A graph whose matrix products are computed in bfloat16 or float16, and everything else in float32 as before.

A strongly typed TensorRT network computes each tensor in the type that the graph gives it, so the types are the whole
of the recipe. Products (MatMul, Gemm, Conv) get casts around them; norms, softmax, residual sums, positions and the
integration stay in float32. So do the layers at both ends, as LeRobot's bfloat16 checkpoints keep them: from x, t and
the state up to the first normalization, the first layer behind an image, and the layer that makes the velocity.
"""

from collections.abc import Iterator

import onnx
from onnx import TensorProto, helper
from retain.bundle.engine_plans import Precision
from retain.errors import ExportError

from .graph_ends import Ends

_TYPES = {"bf16": TensorProto.BFLOAT16, "fp16": TensorProto.FLOAT16}
_VIEWS = frozenset({"Transpose", "Reshape", "Squeeze", "Unsqueeze", "Identity"})
PRODUCTS = frozenset({"MatMul", "Gemm", "Conv"})
LOW = "::low"
"""Added to the name of a value's copy in the smaller type."""

GOLDEN_ATOL = {"bf16": 5e-2, "fp16": 1e-2}
"""What an engine may be away from the golden outputs, of the largest; products in float32 have the bundle's own."""


def check_precision(family: str, precision: Precision) -> None:
    """Refuse what is known to break a policy family.

    Raises:
        ExportError: float16 for the π family, whose activations leave its range.
    """
    if precision == "fp16" and family.startswith("pi"):
        raise ExportError(
            f"{family} computes something else in float16: its activations leave float16's range (jetson-ai-lab's"
            " openpi_on_thor measured a cosine of -0.55 to PyTorch and dropped it); take --trt-precision bf16"
        )


def with_products_in(model: onnx.ModelProto, precision: Precision) -> onnx.ModelProto:
    """A copy of a linked graph with its products in another type; inputs, outputs and weights keep name and type.

    Args:
        model: A graph of a bundle, with the weights outside.
        precision: "fp32" gives the copy unchanged.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    if precision == "fp32":
        return copy
    ends = Ends.of(copy.graph, PRODUCTS)
    low = _Low(copy.graph, _TYPES[precision])
    nodes: list[onnx.NodeProto] = []
    for node in copy.graph.node:
        if node.op_type in PRODUCTS and ends.inside(node):
            nodes.extend(_lowered(node, low))
        else:
            nodes.append(node)
    del copy.graph.node[:]
    copy.graph.node.extend(nodes)
    return copy


def _lowered(node: onnx.NodeProto, low: "_Low") -> Iterator[onnx.NodeProto]:
    for index, name in enumerate(node.input):
        if name:
            yield from low.make(name)
            node.input[index] = low.name(name)
    output = node.output[0]
    node.output[0] = output + LOW
    yield node
    yield helper.make_node("Cast", [output + LOW], [output], to=TensorProto.FLOAT)


class _Low:
    """Copies of float32 values in a smaller type, each made once, weights without a detour over float32."""

    def __init__(self, graph: onnx.GraphProto, data_type: int) -> None:
        self._type = data_type
        self._producers = {output: node for node in graph.node for output in node.output}
        self._stored = {tensor.name: tensor.data_type for tensor in graph.initializer}
        self._names: dict[str, str] = {}

    def name(self, name: str) -> str:
        return self._names[name]

    def make(self, name: str) -> Iterator[onnx.NodeProto]:
        """The nodes that are still needed for a value's copy."""
        if name in self._names:
            return
        producer = self._producers.get(name)
        if producer is not None and producer.op_type == "Cast" and self._stored.get(producer.input[0]) == self._type:
            self._names[name] = producer.input[0]
            return
        self._names[name] = name + LOW
        if producer is not None and producer.op_type in _VIEWS and self._is_weight(producer.input[0]):
            yield from self.make(producer.input[0])
            view = onnx.NodeProto()
            view.CopyFrom(producer)
            view.name = f"{producer.name}{LOW}"
            view.input[0], view.output[0] = self.name(producer.input[0]), name + LOW
            yield view
        else:
            yield helper.make_node("Cast", [name], [name + LOW], to=self._type)

    def _is_weight(self, name: str) -> bool:
        producer = self._producers.get(name)
        if producer is None:
            return name in self._stored
        return producer.op_type in _VIEWS | {"Cast"} and self._is_weight(producer.input[0])
