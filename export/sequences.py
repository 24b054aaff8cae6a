"""Slices in place of sequences of tensors: TensorRT's parser knows no ONNX sequences.

PyTorch's exporter writes `torch.split` and `chunk` as SplitToSequence followed by a SequenceAt for each part. Where
sizes and positions are constants, each part is a Slice, which every runtime reads.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper, numpy_helper
from retain.errors import ExportError


@dataclass(frozen=True)
class _Split:
    """A SplitToSequence: the tensor that it takes apart, along which axis, where each part begins and ends."""

    node: onnx.NodeProto
    axis: int
    sizes: int | Sequence[int]
    """Of every part, or one number for all of them (the last may be smaller)."""

    def bounds(self, position: int) -> tuple[int, int]:
        """Begin and end of a part, as a Slice takes them: an end beyond the tensor is its end."""
        if isinstance(self.sizes, int):
            return position * self.sizes, (position + 1) * self.sizes
        position %= len(self.sizes)
        begin = sum(self.sizes[:position])
        return begin, begin + self.sizes[position]


def slice_sequences(model: onnx.ModelProto) -> None:
    """Replace each SequenceAt of a SplitToSequence by a Slice; the model is changed.

    Raises:
        ExportError: A sequence is made or used in a way that has no such form.
    """
    constants = dict(_constants(model.graph))
    splits: dict[str, _Split] = {}
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        if node.op_type == "SplitToSequence":
            splits[node.output[0]] = _split(node, constants)
        elif node.op_type == "SequenceAt" and node.input[0] in splits:
            nodes.extend(_slice(node, splits[node.input[0]], constants))
        else:
            _refuse_sequences(node, splits)
            nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _split(node: onnx.NodeProto, constants: Mapping[str, int | list[int]]) -> _Split:
    attributes = {attribute.name: attribute.i for attribute in node.attribute}
    sizes = constants.get(node.input[1]) if len(node.input) > 1 else None
    if sizes is None:
        raise _cannot(node, "splits by sizes that are not constant")
    return _Split(node, attributes.get("axis", 0), sizes)


def _slice(node: onnx.NodeProto, split: _Split, constants: Mapping[str, int | list[int]]) -> Iterator[onnx.NodeProto]:
    position = constants.get(node.input[1])
    if not isinstance(position, int) or (position < 0 and isinstance(split.sizes, int)):
        raise _cannot(node, "takes a part by a position that is not a constant from the front")
    begin, end = split.bounds(position)
    inputs = [split.node.input[0]]
    for name, value in (("begin", begin), ("end", end), ("axis", split.axis)):
        inputs.append(f"{node.output[0]}.{name}")
        yield helper.make_node("Constant", [], [inputs[-1]], value=numpy_helper.from_array(np.array([value], np.int64)))
    yield helper.make_node("Slice", inputs, list(node.output), name=node.name)


def _refuse_sequences(node: onnx.NodeProto, splits: Mapping[str, _Split]) -> None:
    if "Sequence" in node.op_type or splits.keys() & set(node.input):
        raise _cannot(node, "uses a sequence of tensors")


def _cannot(node: onnx.NodeProto, does: str) -> ExportError:
    return ExportError(
        f"{node.name or node.op_type} ({node.op_type}) {does}, which TensorRT cannot read; write the policy with slices"
    )


def _constants(graph: onnx.GraphProto) -> Iterator[tuple[str, int | list[int]]]:
    """Integer constants by name: a number for a scalar, a list for a vector."""
    for node in graph.node:
        if node.op_type != "Constant":
            continue
        for attribute in node.attribute:
            if attribute.name == "value" and attribute.t.data_type == onnx.TensorProto.INT64:
                yield node.output[0], numpy_helper.to_array(attribute.t).tolist()
            elif attribute.name == "value_int":
                yield node.output[0], attribute.i
            elif attribute.name == "value_ints":
                yield node.output[0], list(attribute.ints)
