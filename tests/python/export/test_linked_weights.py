from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from retain.checkpoint import TensorInfo
from retain.errors import ExportError
from retain.export.linked_weights import STORED_SUFFIX, Layout, link, relink

WEIGHT = np.arange(600, dtype=np.float32).reshape(20, 30)


def model(*initializers: TensorProto, nodes: list[onnx.NodeProto] | None = None) -> onnx.ModelProto:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 20])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 30])
    graph = helper.make_graph(
        nodes or [helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y], list(initializers)
    )
    made = helper.make_model(graph)
    made.graph.node[0].doc_string = "/home/someone/policy.py"
    return made


def layout(dtype: str = "F32", shape: tuple[int, ...] = (20, 30), offset: int = 64, name: str = "w") -> Layout:
    nbytes = 600 * (4 if dtype == "F32" else 2)
    return Layout({name: TensorInfo(dtype, shape, Path("model.safetensors"), offset, nbytes)}, {})


def place(tensor: TensorProto) -> dict[str, str]:
    return {entry.key: entry.value for entry in tensor.external_data}


def test_a_parameter_becomes_a_reference() -> None:
    linked = link(model(numpy_helper.from_array(WEIGHT, "w")), layout(), {"w": WEIGHT})
    (tensor,) = linked.graph.initializer
    assert place(tensor) == {"location": "model.safetensors", "offset": "64", "length": "2400"}
    assert not tensor.raw_data
    assert not linked.graph.node[0].doc_string


def test_bfloat16_gets_a_cast_to_float32() -> None:
    linked = link(model(numpy_helper.from_array(WEIGHT, "w")), layout("BF16"), {"w": WEIGHT})
    cast, multiply = linked.graph.node
    assert (cast.op_type, list(cast.input), list(cast.output)) == ("Cast", ["w" + STORED_SUFFIX], ["w"])
    assert multiply.input[1] == "w"


def test_a_table_that_is_only_looked_up_is_not_cast_as_a_whole() -> None:
    row = numpy_helper.from_array(np.array([3]), "row")
    lookup = helper.make_node("Gather", ["w", "row"], ["y"])
    linked = link(model(numpy_helper.from_array(WEIGHT, "w"), row, nodes=[lookup]), layout("BF16"), {"w": WEIGHT})
    gather, cast = linked.graph.node
    assert (gather.op_type, list(gather.input)) == ("Gather", ["w" + STORED_SUFFIX, "row"])
    assert (cast.op_type, list(cast.input), list(cast.output)) == ("Cast", list(gather.output), ["y"])


def test_a_table_that_is_multiplied_too_is_cast_as_a_whole() -> None:
    row = numpy_helper.from_array(np.array([3]), "row")
    nodes = [
        helper.make_node("Gather", ["w", "row"], ["looked_up"]),
        helper.make_node("MatMul", ["x", "w"], ["product"]),
        helper.make_node("Add", ["looked_up", "product"], ["y"]),
    ]
    linked = link(model(numpy_helper.from_array(WEIGHT, "w"), row, nodes=nodes), layout("BF16"), {"w": WEIGHT})
    assert [node.op_type for node in linked.graph.node] == ["Cast", "Gather", "MatMul", "Add"]


def test_a_tied_parameter_points_at_the_stored_one() -> None:
    tied = Layout(layout(name="embedding").tensors, {"w": "embedding"})
    linked = link(model(numpy_helper.from_array(WEIGHT, "w")), tied, {"w": WEIGHT})
    assert place(linked.graph.initializer[0])["offset"] == "64"


def test_a_parameter_that_the_checkpoint_lacks_is_named() -> None:
    with pytest.raises(ExportError, match="computes with w"):
        link(model(numpy_helper.from_array(WEIGHT, "w")), layout(name="v"), {"w": WEIGHT})


def test_a_parameter_that_the_exporter_reshaped_is_refused() -> None:
    with pytest.raises(ExportError, match=r"changed w to \[20, 30\], model.safetensors has \[30, 20\]"):
        link(model(numpy_helper.from_array(WEIGHT, "w")), layout(shape=(30, 20)), {"w": WEIGHT})


@pytest.mark.parametrize("copied", [WEIGHT, WEIGHT.T, WEIGHT.reshape(-1)])
def test_a_copy_of_a_parameter_inside_the_graph_is_refused(copied: np.ndarray) -> None:
    constant = numpy_helper.from_array(np.ascontiguousarray(copied), "val_7")
    with pytest.raises(ExportError, match="left a copy of w in the graph"):
        link(model(constant), layout(), {"w": WEIGHT})
    node = helper.make_node("Constant", [], ["w2"], value=constant)
    with pytest.raises(ExportError, match="left a copy of w in the graph"):
        link(model(nodes=[node]), layout(), {"w": WEIGHT})


def test_constants_that_are_no_parameters_stay() -> None:
    grid = numpy_helper.from_array(np.linspace(0, 1, 600, dtype=np.float32), "grid")
    linked = link(model(numpy_helper.from_array(WEIGHT, "w"), grid), layout(), {"w": WEIGHT})
    assert [tensor.name for tensor in linked.graph.initializer] == ["w", "grid"]


@pytest.mark.parametrize("dtype", ["F32", "BF16", "F16"])
def test_relinking_moves_only_the_offset(dtype: str) -> None:
    linked = link(model(numpy_helper.from_array(WEIGHT, "w")), layout(dtype), {"w": WEIGHT})
    before = linked.SerializeToString()
    moved = relink(linked, layout(dtype, offset=4096))
    assert place(moved.graph.initializer[0])["offset"] == "4096"
    assert relink(moved, layout(dtype)).SerializeToString() == before


@pytest.mark.parametrize(
    ("other", "found"),
    [(layout(name="v"), "missing"), (layout("F16"), "F16"), (layout(shape=(30, 20)), r"F32 \[30, 20\]")],
)
def test_relinking_to_another_layout_is_refused(other: Layout, found: str) -> None:
    linked = link(model(numpy_helper.from_array(WEIGHT, "w")), layout(), {"w": WEIGHT})
    with pytest.raises(ExportError, match=rf"w is {found}.*export without --graph-from"):
        relink(linked, other)
