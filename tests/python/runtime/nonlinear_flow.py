"""A small flow that is neither linear nor separate by rows, as ONNX graphs for the loop's engine and as NumPy."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from retain._core.engine import Graph, OnnxRuntimeEngine
from retain.engine import find_onnxruntime

HORIZON, CHANNELS, HIDDEN = 12, 3, 16

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class NonlinearFlow:
    """v = tanh(R·x·U + t·b + s)·D: R mixes the rows, so that every row of x moves every row of v.

    Attributes:
        R: [H, H].
        U: [A, hidden].
        b: [hidden], of the row's flow time.
        D: [hidden, A].
        s: [1], the observed state.
    """

    R: Array
    U: Array
    b: Array
    D: Array
    s: float

    def velocity(self, x: Array, t: Array) -> Array:
        return np.asarray(np.tanh(self.R @ x @ self.U + t[:, None] * self.b + self.s) @ self.D)


def random_flow(seed: int) -> NonlinearFlow:
    """Weights that float32 holds exactly."""
    rng = np.random.default_rng(seed)

    def normal(*shape: int, scale: float = 1.0) -> Array:
        return (scale * rng.standard_normal(shape)).astype(np.float32).astype(np.float64)

    return NonlinearFlow(
        normal(HORIZON, HORIZON, scale=HORIZON**-0.5),
        normal(CHANNELS, HIDDEN, scale=CHANNELS**-0.5),
        normal(HIDDEN),
        normal(HIDDEN, CHANNELS, scale=2 * HIDDEN**-0.5),
        float(np.float32(rng.standard_normal())),
    )


def open_flow(flow: NonlinearFlow, directory: Path) -> OnnxRuntimeEngine:
    """The flow in the loop's engine, its prefix done. float32."""
    prefix = helper.make_graph(
        [
            helper.make_node("Cast", ["tokens"], ["ids"], to=TensorProto.FLOAT),
            helper.make_node("Cast", ["token_mask"], ["mask"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["ids", "mask"], ["words"]),
            helper.make_node("Add", ["state", "words"], ["s"]),
        ],
        "prefix",
        [
            helper.make_tensor_value_info("tokens", TensorProto.INT64, [1, 1]),
            helper.make_tensor_value_info("token_mask", TensorProto.BOOL, [1, 1]),
            helper.make_tensor_value_info("state", TensorProto.FLOAT, [1, 1]),
        ],
        [helper.make_tensor_value_info("s", TensorProto.FLOAT, [1, 1])],
    )
    shape = [1, HORIZON, CHANNELS]
    constants = {
        "R": flow.R,
        "U": flow.U,
        "b": flow.b,
        "D": flow.D,
        "last": np.array([-1], np.int64),
    }
    step = helper.make_graph(
        [
            helper.make_node("MatMul", ["R", "x"], ["mixed"]),
            helper.make_node("MatMul", ["mixed", "U"], ["hidden"]),
            helper.make_node("Unsqueeze", ["t", "last"], ["times"]),
            helper.make_node("Mul", ["times", "b"], ["timed"]),
            helper.make_node("Sum", ["hidden", "timed", "s"], ["all"]),
            helper.make_node("Tanh", ["all"], ["bent"]),
            helper.make_node("MatMul", ["bent", "D"], ["velocity"]),
        ],
        "step",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, shape),
            helper.make_tensor_value_info("t", TensorProto.FLOAT, [1, HORIZON]),
            helper.make_tensor_value_info("s", TensorProto.FLOAT, [1, 1]),
        ],
        [helper.make_tensor_value_info("velocity", TensorProto.FLOAT, shape)],
        [
            numpy_helper.from_array(value if name == "last" else value.astype(np.float32), name)
            for name, value in constants.items()
        ],
    )
    for graph in (prefix, step):
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
        model.ir_version = 9
        onnx.save(model, str(directory / f"{graph.name}.onnx"))
    state = ("s", "float32", (1, 1))
    x, t = ("x", "float32", tuple(shape)), ("t", "float32", (1, HORIZON))
    engine = OnnxRuntimeEngine(
        Graph(
            directory / "prefix.onnx",
            [("tokens", "int64", (1, 1)), ("token_mask", "bool", (1, 1)), ("state", "float32", (1, 1))],
            [state],
        ),
        Graph(directory / "step.onnx", [x, t, state], [("velocity", "float32", tuple(shape))]),
        library=find_onnxruntime(),
    )
    engine.prefix([], np.zeros((1, 1), np.int64), np.ones((1, 1), np.bool_), np.full((1, 1), flow.s, np.float32))
    return engine
