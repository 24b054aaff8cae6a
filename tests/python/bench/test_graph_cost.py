"""Products are counted as torch counts them and as anyone would by hand; weights are counted once."""

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from retain.bench.graph_cost import GraphCost, cost_of, cost_of_model
from retain.bench.graph_shapes import static_shapes
from retain.errors import ExportError

torch = pytest.importorskip("torch")

size = st.integers(1, 7)
few = settings(max_examples=25, deadline=None)


def value(name: str, shape: list[int], dtype: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def weight(name: str, shape: list[int], dtype: int = TensorProto.FLOAT) -> onnx.TensorProto:
    """As in a bundle: it points into a file that need not be there to be counted."""
    tensor = TensorProto(name=name, data_type=dtype, dims=shape, data_location=TensorProto.EXTERNAL)
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "model.safetensors"
    return tensor


def model(
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
    weights: tuple[onnx.TensorProto, ...] = (),
    opset: int = 18,
) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(weights))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


def counted_by_torch(run: Callable[[], object]) -> int:
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    # The fused kernel of the CPU is not in torch's table: it would count as nothing.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


@few
@given(st.lists(size, min_size=0, max_size=2), size, size, size)
def test_a_matmul_counts_as_in_torch(batch: list[int], m: int, k: int, n: int) -> None:
    found = cost_of_model(
        model(
            [helper.make_node("MatMul", ["a", "b"], ["c"])],
            [value("a", [*batch, m, k]), value("b", [*batch, k, n])],
            [value("c", [*batch, m, n])],
        )
    )
    assert found.flops == counted_by_torch(lambda: torch.ones(*batch, m, k) @ torch.ones(*batch, k, n))
    assert found.by_operator == {"MatMul": found.flops}


@few
@given(size, size, size, st.booleans())
def test_a_gemm_counts_as_in_torch(m: int, k: int, n: int, transposed: bool) -> None:
    node = helper.make_node("Gemm", ["a", "w", "b"], ["c"], transA=int(transposed))
    inputs = [value("a", [k, m] if transposed else [m, k])]
    found = cost_of_model(model([node], inputs, [value("c", [m, n])], (weight("w", [k, n]), weight("b", [n]))))
    assert found.flops == counted_by_torch(lambda: torch.addmm(torch.ones(n), torch.ones(m, k), torch.ones(k, n)))
    assert found.weights == k * n + n


@few
@given(st.integers(1, 2), size, size, st.integers(1, 3), st.integers(1, 2), st.integers(1, 2), st.booleans())
def test_a_convolution_counts_as_in_torch(
    batch: int, channels: int, out: int, kernel: int, stride: int, groups: int, transposed: bool
) -> None:
    channels, out = channels * groups, out * groups
    kind = torch.nn.ConvTranspose2d if transposed else torch.nn.Conv2d
    layer = kind(channels, out, kernel, stride=stride, groups=groups, bias=False)
    x = torch.ones(batch, channels, 6, 5)
    y = layer(x)
    operator = "ConvTranspose" if transposed else "Conv"
    node = helper.make_node(operator, ["x", "w"], ["y"], strides=[stride, stride], group=groups)
    graph = model([node], [value("x", [*x.shape])], [value("y", [*y.shape])], (weight("w", [*layer.weight.shape]),))
    assert cost_of_model(graph).flops == counted_by_torch(lambda: layer(x))


@few
@given(size, size, st.integers(2, 7), size)  # a sum over one term is no sum: torch counts nothing
def test_an_einsum_counts_as_in_torch(b: int, h: int, m: int, n: int) -> None:
    node = helper.make_node("Einsum", ["x", "y"], ["z"], equation="bhi, bij -> bhj")
    graph = model([node], [value("x", [b, h, m]), value("y", [b, m, n])], [value("z", [b, h, n])])
    by_torch = counted_by_torch(lambda: torch.einsum("bhi,bij->bhj", torch.ones(b, h, m), torch.ones(b, m, n)))
    assert cost_of_model(graph).flops == by_torch


@few
@given(st.integers(1, 2), st.integers(1, 3), size, size, size, st.booleans())
def test_attention_in_one_node_counts_both_of_its_products(
    b: int, heads: int, rows: int, keys: int, d: int, flat: bool
) -> None:
    def shape(length: int) -> list[int]:
        return [b, length, heads * d] if flat else [b, heads, length, d]

    attributes = {"q_num_heads": heads, "kv_num_heads": heads} if flat else {}
    node = helper.make_node("Attention", ["q", "k", "v"], ["y"], **attributes)
    inputs = [value("q", shape(rows)), value("k", shape(keys)), value("v", shape(keys))]
    graph = model([node], inputs, [value("y", shape(rows))], opset=23)
    q, k = torch.ones(b, heads, rows, d), torch.ones(b, heads, keys, d)
    attend = torch.nn.functional.scaled_dot_product_attention
    assert cost_of_model(graph).flops == counted_by_torch(lambda: attend(q, k, k))


def test_an_exported_policy_counts_as_its_pytorch_self(exported: Path) -> None:
    from retain.policy import load_policy

    policy = load_policy(exported)
    spec = policy.spec
    images = [torch.zeros(1, camera.height, camera.width, 3, dtype=torch.uint8) for camera in spec.cameras]
    inputs = (images, *policy.encode(["push the red block left"]), torch.zeros(1, len(spec.state)))
    with torch.no_grad():
        context = policy.prefix(*inputs)
    assert cost_of(exported / "prefix.onnx").flops == counted_by_torch(lambda: policy.prefix(*inputs))
    x, t = torch.zeros(1, spec.horizon, spec.action_width), torch.zeros(1, spec.horizon)
    assert cost_of(exported / "step.onnx").flops == counted_by_torch(lambda: policy.step(x, t, context))


def test_every_operator_of_an_exported_policy_is_known(exported: Path) -> None:
    for name in ("prefix.onnx", "step.onnx"):
        assert cost_of(exported / name).uncounted == ()


def test_a_weight_is_read_once_and_of_a_table_only_the_rows() -> None:
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["rows"]),
        helper.make_node("Cast", ["w::stored"], ["w"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["w"], ["w.T"], perm=[1, 0]),
        helper.make_node("MatMul", ["rows", "w"], ["a"]),
        helper.make_node("MatMul", ["a", "w.T"], ["b"]),
    ]
    weights = (weight("table", [100, 4]), weight("w::stored", [4, 6], TensorProto.BFLOAT16))
    found = cost_of_model(model(nodes, [value("ids", [3], TensorProto.INT64)], [value("b", [3, 4])], weights))
    assert found.weights == 3 * 4 + 4 * 6
    assert found.boundary_bytes == 3 * 8 + 3 * 4 * 4
    assert found.bytes(4) == 4 * found.weights + found.boundary_bytes
    assert found.flops == 2 * 2 * 3 * 4 * 6


def test_a_table_that_is_also_multiplied_is_read_whole() -> None:
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["rows"]),
        helper.make_node("MatMul", ["rows", "table.T"], ["logits"]),
        helper.make_node("Transpose", ["table"], ["table.T"], perm=[1, 0]),
    ]
    nodes[1], nodes[2] = nodes[2], nodes[1]
    graph = model(
        nodes, [value("ids", [3], TensorProto.INT64)], [value("logits", [3, 100])], (weight("table", [100, 4]),)
    )
    assert cost_of_model(graph).weights == 400


def test_what_cannot_be_counted_is_named() -> None:
    nodes = [
        helper.make_node("MatMulInteger", ["a", "b"], ["c"]),
        helper.make_node("FusedThing", ["c"], ["d"], domain="com.example"),
    ]
    inputs = [value("a", [2, 2], TensorProto.UINT8), value("b", [2, 2], TensorProto.UINT8)]
    graph = model(nodes, inputs, [value("d", [2, 2], TensorProto.INT32)])
    graph.opset_import.append(helper.make_opsetid("com.example", 1))
    found = cost_of_model(graph)
    assert found.uncounted == ("MatMulInteger", "com.example::FusedThing")
    assert found == GraphCost(0, {}, 0, 4 + 4 + 16, found.uncounted)


def test_a_shape_that_is_not_static_is_refused_with_its_name() -> None:
    node = helper.make_node("MatMul", ["a", "b"], ["c"])
    graph = model([node], [value("a", ["n", 2]), value("b", [2, 2])], [value("c", ["n", 2])])  # type: ignore[list-item]
    with pytest.raises(ExportError, match="the shape of c, at MatMul"):
        cost_of_model(graph)


def test_axes_that_are_arithmetic_on_constants_do_not_hide_a_shape() -> None:
    one = helper.make_tensor("one", TensorProto.INT64, [1], [1])
    ints = helper.make_tensor("minus", TensorProto.INT64, [1], [-1])
    nodes = [
        helper.make_node("Constant", [], ["axis"], value=one),
        helper.make_node("Constant", [], ["flat"], value=ints),
        helper.make_node("Reshape", ["axis", "flat"], ["axes"]),
        helper.make_node("ReduceMean", ["x", "axes"], ["mean"]),
    ]
    graph = model(nodes, [value("x", [2, 3, 4])], [value("mean", None)])  # type: ignore[arg-type]
    before = graph.SerializeToString()
    assert static_shapes(graph)["mean"] == (2, 1, 4)
    assert graph.SerializeToString() == before


def test_a_file_that_is_no_graph_is_refused(tmp_path: Path) -> None:
    (tmp_path / "prefix.onnx").write_bytes(b"no graph")
    with pytest.raises(ExportError, match="not an ONNX graph"):
        cost_of(tmp_path / "prefix.onnx")
