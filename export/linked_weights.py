"""Graphs without weights: initializers that point into the policy's own safetensors file.

ONNX lets an initializer's bytes lie in any file, at an offset and with a length; safetensors keeps each tensor's bytes
in one piece, row-major, little-endian: exactly what ONNX wants. So the graph needs no copy of the weights, and another
checkpoint of the same layout is another policy. Weights stored in bfloat16 or float16 get a Cast to float32 behind
them, which the runtime folds when it opens the graph: storage is small, arithmetic is float32. A table that is only
looked up (an embedding) stays as it is stored, and the rows that were looked up are cast.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from retain.bundle.contents import WEIGHTS_FILE
from retain.checkpoint import TensorInfo
from retain.errors import ExportError

STORED_SUFFIX = "::stored"
"""Added to the name of an initializer that a Cast follows; the Cast's output keeps the parameter's name."""

MAX_INLINE_BYTES = 1024
"""Constants up to this size are not looked at: a scalar may well equal some parameter by chance."""

_STORED_AS = {"F32": TensorProto.FLOAT, "BF16": TensorProto.BFLOAT16, "F16": TensorProto.FLOAT16}


@dataclass(frozen=True)
class Layout:
    """Where a checkpoint's tensors lie.

    Attributes:
        tensors: By name; all in one file.
        aliases: Names of tied tensors that are not stored themselves, to the stored one.
    """

    tensors: Mapping[str, TensorInfo]
    aliases: Mapping[str, str]

    def find(self, name: str) -> TensorInfo | None:
        """The tensor of this name, or the one that it is tied to."""
        return self.tensors.get(self.aliases.get(name, name))


def link(model: onnx.ModelProto, layout: Layout, parameters: Mapping[str, npt.NDArray[np.float32]]) -> onnx.ModelProto:
    """Replace the weights inside a traced graph by references into `model.safetensors`.

    Args:
        model: From `graphs.trace`; it is changed.
        layout: Of the checkpoint that the policy was loaded from.
        parameters: The policy's state dictionary.

    Returns:
        The graph without weights, metadata and documentation strings.

    Raises:
        ExportError: A parameter is not in the checkpoint, has another shape or dtype there, or is inside the graph
            under another name.
    """
    initializers, casts = [], []
    for tensor in model.graph.initializer:
        if tensor.name not in parameters:
            initializers.append(tensor)
            continue
        info = _find(tensor, layout)
        stored = _reference(tensor.name, info)
        if info.dtype != "F32":
            stored.name += STORED_SUFFIX
            if not _cast_looked_up(model, tensor.name, stored.name):
                casts.append(helper.make_node("Cast", [stored.name], [tensor.name], to=TensorProto.FLOAT))
        initializers.append(stored)
    _check_no_weights_inside(model, initializers, parameters)
    _replace(model.graph.initializer, initializers)
    _replace(model.graph.node, [*casts, *model.graph.node])
    _strip(model)
    return model


def relink(model: onnx.ModelProto, layout: Layout) -> onnx.ModelProto:
    """Point a linked graph at the offsets of another checkpoint with the same names, dtypes and shapes.

    Args:
        model: A graph that `link` made, loaded without its external data; it is changed.
        layout: Of the other checkpoint.

    Raises:
        ExportError: A tensor is missing there, or has another dtype or shape.
    """
    for tensor in model.graph.initializer:
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        name = tensor.name.removesuffix(STORED_SUFFIX)
        info = layout.find(name)
        if info is None or list(info.shape) != list(tensor.dims) or _STORED_AS.get(info.dtype) != tensor.data_type:
            found = "missing" if info is None else f"{info.dtype} {list(info.shape)}"
            expected = f"{_dtype_name(tensor.data_type)} {list(tensor.dims)}"
            raise ExportError(
                f"the bundle's graphs do not fit these weights: {name} is {found}, the graph takes {expected};"
                " export without --graph-from"
            )
        _point(tensor, info)
    return model


def _cast_looked_up(model: onnx.ModelProto, name: str, stored: str) -> bool:
    """Look rows up in a table as it is stored and cast those; False where the table is used otherwise too.

    Folding a cast of the whole table keeps a second copy of it in float32: 2 GB for the vocabulary of π0.
    """
    users = [node for node in model.graph.node if name in node.input]
    if not users or any(node.op_type != "Gather" or node.input[0] != name for node in users):
        return False
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        nodes.append(node)
        if name in node.input:
            (rows,) = node.output
            node.input[0], node.output[0] = stored, rows + STORED_SUFFIX
            nodes.append(helper.make_node("Cast", [node.output[0]], [rows], to=TensorProto.FLOAT))
    _replace(model.graph.node, nodes)
    return True


def _find(tensor: TensorProto, layout: Layout) -> TensorInfo:
    info = layout.find(tensor.name)
    if info is None:
        raise ExportError(
            f"the policy computes with {tensor.name}, which {WEIGHTS_FILE} does not have; save the policy again"
        )
    if list(info.shape) != list(tensor.dims):
        raise ExportError(
            f"the exporter changed {tensor.name} to {list(tensor.dims)}, {WEIGHTS_FILE} has {list(info.shape)};"
            " please report this policy and your PyTorch version"
        )
    if info.dtype not in _STORED_AS:
        raise ExportError(
            f"{tensor.name} is stored as {info.dtype}; graphs read {', '.join(_STORED_AS)}: save the policy in one"
        )
    if tensor.data_type != TensorProto.FLOAT:
        raise ExportError(f"{tensor.name} is {_dtype_name(tensor.data_type)} in the graph, float32 was expected")
    return info


def _reference(name: str, info: TensorInfo) -> TensorProto:
    tensor = TensorProto(name=name, data_type=_STORED_AS[info.dtype], dims=info.shape)
    _point(tensor, info)
    return tensor


def _point(tensor: TensorProto, info: TensorInfo) -> None:
    tensor.data_location = TensorProto.EXTERNAL
    del tensor.external_data[:]
    for key, value in (("location", WEIGHTS_FILE), ("offset", str(info.offset)), ("length", str(info.nbytes))):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value


def _check_no_weights_inside(
    model: onnx.ModelProto, initializers: list[TensorProto], parameters: Mapping[str, npt.NDArray[np.float32]]
) -> None:
    """A folded, transposed or renamed copy of a parameter would stay behind when the weights are swapped: refuse it."""
    by_size: dict[int, list[str]] = {}
    for name, values in parameters.items():
        by_size.setdefault(values.size, []).append(name)
    for inline in _inline_tensors(model, initializers):
        values = numpy_helper.to_array(inline)
        if values.nbytes <= MAX_INLINE_BYTES or not np.issubdtype(values.dtype, np.floating):
            continue
        ordered = np.sort(values, axis=None)
        for name in by_size.get(values.size, ()):
            if np.array_equal(ordered, np.sort(parameters[name], axis=None)):
                raise ExportError(
                    f"the exporter left a copy of {name} in the graph ({values.nbytes} bytes), so other weights would"
                    " not change it; please report this policy and your PyTorch version"
                )


def _inline_tensors(model: onnx.ModelProto, initializers: list[TensorProto]) -> Iterator[TensorProto]:
    yield from (tensor for tensor in initializers if tensor.data_location != TensorProto.EXTERNAL)
    for node in model.graph.node:
        yield from (attribute.t for attribute in node.attribute if attribute.type == onnx.AttributeProto.TENSOR)


def _strip(model: onnx.ModelProto) -> None:
    """Names of source lines and modules: megabytes in a large graph, and paths of the machine that exported it."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    graph.ClearField("value_info")


def _dtype_name(data_type: int) -> str:
    return str(TensorProto.DataType.Name(data_type)).lower()


def _replace(field: Any, values: list[Any]) -> None:
    del field[:]
    field.extend(values)
