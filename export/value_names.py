"""Names in a traced graph: those of its interface are the manifest's, those of weights the checkpoint's.

What is between them is named by PyTorch's exporter after the operation ("add", "mul_1"), and gives way: a family calls
what its prefix hands over as it likes.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from retain.errors import ExportError

if TYPE_CHECKING:
    import onnx
    import onnx_ir

WRAPPED = "policy."
"""What stands before the names of weights while the policy is an attribute of the traced module."""


def check_interface(prefix: Sequence[str], context: Sequence[str], step: Sequence[str]) -> None:
    """Check that no tensor that the prefix hands over is called like another input or output of the two graphs.

    Args:
        prefix: Inputs of the prefix.
        context: Its outputs, which are inputs of the step.
        step: The step's other inputs and its output; none where the chunk is regressed.

    Raises:
        ExportError: One is.
    """
    if taken := [name for name in context if name in {*prefix, *step}]:
        raise ExportError(
            f"the policy's prefix returns a tensor called {taken[0]!r}, as the graphs call another of their inputs and"
            f" outputs; call it something else than {', '.join(sorted({*prefix, *step}))}"
        )


def free_interface_names(model: "onnx_ir.Model") -> None:
    """Give every inner value that is called like an input or output another name; the model is changed.

    Raises:
        ExportError: A weight or constant is called so.
    """
    import onnx_ir

    interface = [*model.graph.inputs, *model.graph.outputs]
    names = {str(value.name) for value in interface}
    if taken := sorted(names & {name.removeprefix(WRAPPED) for name in model.graph.initializers}):
        raise ExportError(
            f"the policy's prefix returns a tensor called {taken[0]!r}, which is the name of a weight;"
            " call it something else"
        )
    own = {id(value) for value in interface}
    inner = [value for node in onnx_ir.traversal.RecursiveGraphIterator(model.graph) for value in node.outputs]
    used = {value.name for value in inner} | names
    for value in inner:
        if value.name in names and id(value) not in own:
            number = next(count for count in range(len(used) + 1) if f"{value.name}.{count}" not in used)
            value.name = f"{value.name}.{number}"
            used.add(value.name)


def name_as_in_the_policy(model: "onnx.ModelProto") -> None:
    """Undo the wrapper: `policy.vision.conv.weight` becomes `vision.conv.weight`, wherever it is used."""
    renamed = {
        tensor.name: tensor.name.removeprefix(WRAPPED)
        for tensor in model.graph.initializer
        if tensor.name.startswith(WRAPPED)
    }
    for tensor in model.graph.initializer:
        tensor.name = renamed.get(tensor.name, tensor.name)
    for node in model.graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = renamed.get(name, name)
