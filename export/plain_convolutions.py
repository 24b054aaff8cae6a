"""Convolutions without a bias have none in the graph either.

PyTorch's exporter gives them one of zeros, shaped and cast like the convolution's input: no runtime sees that it is
constant, so none joins the convolution to what follows it, and TensorRT wants a bias that it can read.
"""

from collections.abc import Iterator

import onnx
from onnx import numpy_helper

_KEEP_THE_VALUE = {"Expand", "CastLike", "Cast", "Identity", "Reshape", "Unsqueeze"}
"""Operators whose first input decides whether all of the output is zero."""


def drop_zero_biases(model: onnx.ModelProto) -> None:
    """Take the bias from every convolution whose bias is made of a constant zero; the model is changed."""
    made_by = {name: node for node in model.graph.node for name in node.output}
    for node in model.graph.node:
        if node.op_type == "Conv" and len(node.input) == 3 and _is_zero(node.input[2], made_by):
            del node.input[2]
    _drop_unread(model)


def _is_zero(name: str, made_by: dict[str, onnx.NodeProto]) -> bool:
    node = made_by.get(name)
    while node is not None and node.op_type in _KEEP_THE_VALUE:
        node = made_by.get(node.input[0])
    if node is None or node.op_type != "Constant":
        return False
    attribute = node.attribute[0]
    if attribute.name == "value":
        return not numpy_helper.to_array(attribute.t).any()
    return attribute.name in {"value_float", "value_int"} and not onnx.helper.get_attribute_value(attribute)


def _drop_unread(model: onnx.ModelProto) -> None:
    """Remove nodes that nothing reads, last first, so that what only they read goes too."""
    read = {value.name for value in model.graph.output}
    kept = []
    for node in reversed(model.graph.node):
        if any(name in read for name in node.output):
            read.update(_reads(node))
            kept.append(node)
    del model.graph.node[:]
    model.graph.node.extend(reversed(kept))


def _reads(node: onnx.NodeProto) -> Iterator[str]:
    """Names that a node reads, those in the graphs of its branches and loops too."""
    yield from node.input
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            yield from (value.name for value in graph.output)
            for inner in graph.node:
                yield from _reads(inner)
