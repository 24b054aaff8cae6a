"""Rewrites of a traced graph leave its values as they are, and leave nothing behind that TensorRT's parser refuses."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper, parser
from onnx.reference import ReferenceEvaluator
from retain.errors import ExportError
from retain.export.constant_integers import fold_integers
from retain.export.sequences import slice_sequences
from retain.export.uint8_images import cast_frames_first

Rewrite = Callable[[onnx.ModelProto], None]


def model(text: str) -> onnx.ModelProto:
    made = parser.parse_model(f'<ir_version: 10, opset_import: ["" : 18]>\n{text}')
    onnx.checker.check_model(made)
    return made


def values(graph: onnx.ModelProto, inputs: dict[str, npt.NDArray[np.generic]]) -> list[npt.NDArray[np.generic]]:
    return [np.asarray(value) for value in ReferenceEvaluator(graph).run(None, inputs)]


def rewritten_alike(rewrite: Rewrite, graph: onnx.ModelProto, **inputs: npt.NDArray[np.generic]) -> list[str]:
    expected = values(graph, inputs)
    rewrite(graph)
    onnx.checker.check_model(graph, full_check=True)
    for found, wanted in zip(values(graph, inputs), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)
    return [node.op_type for node in graph.graph.node]


@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=4), data=st.data(), axis=st.sampled_from([0, 1, -1]))
def test_parts_of_a_split_are_slices(sizes: list[int], data: st.DataObject, axis: int) -> None:
    position = data.draw(st.integers(-len(sizes), len(sizes) - 1))
    shape = [2, 2]
    shape[axis] = sum(sizes)
    graph = model(
        f"""g (float{shape} x) => (float[A,B] y) {{
            sizes = Constant <value_ints = {sizes}> ()
            parts = SplitToSequence <axis = {axis}> (x, sizes)
            position = Constant <value = int64 {{{position}}}> ()
            y = SequenceAt (parts, position)
        }}"""
    )
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    assert "SequenceAt" not in rewritten_alike(slice_sequences, graph, x=x)


@given(total=st.integers(1, 12), size=st.integers(1, 5), data=st.data())
def test_parts_of_equal_size_may_leave_a_smaller_rest(total: int, size: int, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, -(-total // size) - 1))
    graph = model(
        f"""g (float[3,{total}] x) => (float[3,B] y) {{
            size = Constant <value = int64 {{{size}}}> ()
            parts = SplitToSequence <axis = 1> (x, size)
            position = Constant <value = int64 {{{position}}}> ()
            y = SequenceAt (parts, position)
        }}"""
    )
    x = np.arange(3 * total, dtype=np.float32).reshape(3, total)
    assert "SplitToSequence" not in rewritten_alike(slice_sequences, graph, x=x)


def test_a_sequence_that_is_no_split_is_refused_by_name() -> None:
    graph = model(
        """g (float[2,4] x) => (float[4,4] y) {
            sizes = Constant <value_ints = [2, 2]> ()
            parts = SplitToSequence <axis = 1> (x, sizes)
            y = ConcatFromSequence <axis = 0> (parts)
        }"""
    )
    with pytest.raises(ExportError, match=r"ConcatFromSequence\) uses a sequence.*TensorRT cannot read"):
        slice_sequences(graph)


def test_frames_are_cast_before_they_are_moved() -> None:
    graph = model(
        """g (uint8[1,2,3,3] frame) => (float[1,3,2,2] y) {
            turned = Transpose <perm = [0, 3, 1, 2]> (frame)
            begin = Constant <value_ints = [1]> ()
            end = Constant <value_ints = [3]> ()
            axis = Constant <value_ints = [3]> ()
            cut = Slice (turned, begin, end, axis)
            y = Cast <to = 1> (cut)
        }"""
    )
    frame = np.random.default_rng(0).integers(0, 256, (1, 2, 3, 3), dtype=np.uint8)
    operations = rewritten_alike(cast_frames_first, graph, frame=frame)
    assert operations[0] == "Cast"
    first = onnx.shape_inference.infer_shapes(graph)
    assert TensorProto.UINT8 not in {value.type.tensor_type.elem_type for value in first.graph.value_info}


def test_a_frame_that_is_cast_first_stays_as_it_is() -> None:
    graph = model("g (uint8[2] frame) => (float[2] y) { y = Cast <to = 1> (frame) }")
    before = graph.SerializeToString()
    cast_frames_first(graph)
    assert graph.SerializeToString() == before


def test_arithmetic_on_uint8_is_refused_by_name() -> None:
    graph = model("g (uint8[2] frame) => (uint8[2] y) { y = Add (frame, frame) }")
    with pytest.raises(ExportError, match=r"Add\) computes with the uint8 values of frame"):
        cast_frames_first(graph)


def test_axes_and_shapes_become_constants() -> None:
    graph = model(
        """g (float[2,3] x) => (float[2,1] y, float[3,2] z) {
            one = Constant <value = int64 {1}> ()
            flat = Constant <value_ints = [-1]> ()
            axis = Reshape (one, flat)
            y = ReduceMean (x, axis)
            three = Constant <value_ints = [3]> ()
            two = Constant <value_ints = [2]> ()
            shape = Concat <axis = 0> (three, two)
            z = Reshape (x, shape)
        }"""
    )
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert sorted(rewritten_alike(fold_integers, graph, x=x)) == ["Constant", "Constant", "ReduceMean", "Reshape"]


def test_numbers_with_a_point_are_never_folded() -> None:
    graph = model(
        """g (float[2] x) => (float[2] y) {
            two = Constant <value = float {2.0}> ()
            four = Add (two, two)
            y = Mul (x, four)
        }"""
    )
    assert "Add" in rewritten_alike(fold_integers, graph, x=np.ones(2, np.float32))


def test_large_tables_are_never_folded() -> None:
    table = numpy_helper.from_array(np.arange(100))
    two = numpy_helper.from_array(np.array(2))
    nodes = [
        helper.make_node("Constant", [], ["table"], value=table),
        helper.make_node("Constant", [], ["two"], value=two),
        helper.make_node("Mul", ["table", "two"], ["y"]),
    ]
    output = helper.make_tensor_value_info("y", TensorProto.INT64, [100])
    graph = helper.make_model(helper.make_graph(nodes, "g", [], [output]), opset_imports=[helper.make_opsetid("", 18)])
    assert "Mul" in rewritten_alike(fold_integers, graph)
