"""Frames become float32 at the graph's door: TensorRT takes uint8 inputs, and does nothing with them but cast them.

A policy that transposes or cuts its frames before it casts them is the same function as one that casts first: moving
values about and casting them commute.
"""

import onnx
from onnx import TensorProto, helper
from retain.errors import ExportError

_MOVES = frozenset({"Transpose", "Reshape", "Squeeze", "Unsqueeze", "Slice", "Identity", "Concat", "Expand", "Gather"})
_CASTS = frozenset({"Cast", "CastLike"})


def cast_frames_first(model: onnx.ModelProto) -> None:
    """Put a Cast to float32 directly behind every uint8 input that has none; the model is changed.

    Raises:
        ExportError: A node computes with uint8 values.
    """
    frames = [value.name for value in model.graph.input if value.type.tensor_type.elem_type == TensorProto.UINT8]
    for name in frames:
        if all(node.op_type == "Cast" for node in model.graph.node if name in node.input):
            continue
        moved = _only_moved(model.graph, name)
        floating = f"{name}.float32"
        for node in model.graph.node:
            for index, used in enumerate(node.input):
                if used == name:
                    node.input[index] = floating
        kept = [value for value in model.graph.value_info if value.name not in moved]
        del model.graph.value_info[:]
        model.graph.value_info.extend(kept)
        model.graph.node.insert(0, helper.make_node("Cast", [name], [floating], to=TensorProto.FLOAT))


def _only_moved(graph: onnx.GraphProto, name: str) -> set[str]:
    """The names of an input's values up to their casts, after a look at every node that takes them."""
    moved = {name}
    for node in graph.node:
        if moved.isdisjoint(node.input) or (node.op_type in _CASTS and node.input[0] in moved):
            continue
        together = node.op_type != "Concat" or moved.issuperset(node.input)
        if node.op_type not in _MOVES or not together:
            raise ExportError(
                f"{node.name or node.op_type} ({node.op_type}) computes with the uint8 values of {name}, which TensorRT"
                " cannot; cast the frames to float32 first in the policy's prefix"
            )
        moved.update(node.output)
    return moved
