"""The static shape of every tensor in an exported graph."""

from collections.abc import Mapping
from typing import Any

from retain.errors import require

Shape = tuple[int, ...]


def static_shapes(model: Any) -> Mapping[str, Shape]:
    """Name of a tensor → its shape, for every tensor whose shape is static; () is a scalar.

    ONNX's own shape inference stops at axes that the exporter wrote as arithmetic on constants, as in
    ReduceMean(x, axes = Reshape([1], [-1])); bundles have been written with those folded since then, older ones not.

    Args:
        model: An `onnx.ModelProto`; it is not changed, and no weights are read.
    """
    onnx = require("onnx", extra="export")
    from retain.export.constant_integers import fold_integers

    folded = onnx.ModelProto()
    folded.CopyFrom(model)
    fold_integers(folded)
    graph = onnx.shape_inference.infer_shapes(folded, data_prop=True).graph
    shapes: dict[str, Shape] = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.output, *graph.value_info):
        tensor = value.type.tensor_type
        # A value without a shape is not a scalar: it has none because nobody knows it.
        if tensor.HasField("shape") and all(size.HasField("dim_value") for size in tensor.shape.dim):
            shapes[value.name] = tuple(size.dim_value for size in tensor.shape.dim)
    return shapes
