"""A bundle small enough to read: a policy of two hand-made graphs whose chunks are known in advance.

The flow's velocity is (chunk − x)/(1 − t), so Euler's method lands on `chunk` exactly after any number of steps,
whatever the noise: chunk row k is `offset + drift·(k + 1)` in normalized units, and the state passes through the cache.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from retain.bundle import MANIFEST_FILE, WEIGHTS_FILE, Manifest
from retain.bundle.contents import Golden, Graph, Graphs, Tensor
from retain.bundle.digest import record_files
from retain.bundle.golden import GoldenCase
from retain.bundle.interface import (
    Action,
    ActionChannel,
    Affine,
    Camera,
    ChannelLimits,
    Flow,
    Language,
    Normalization,
    Observation,
    StateChannel,
)
from retain.runtime import Realtime, RunConfiguration
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, pre_tokenizers

TASK = "place the red block near right"
DRIFT = (0.02, 0.0, 0.0, 0.0, 0.0, 0.03, 0.0)
"""Slow enough for every limit: 0.2 and 0.3 rad/s."""

PATIENT = RunConfiguration(
    rate_hz=200.0,
    duration_s=2.5,
    max_frame_age_s=2.0,
    state_timeout_s=2.0,
    inference_timeout_s=10.0,
    hold_timeout_s=10.0,
    overruns_to_stop=0.9,
    realtime=Realtime(priority=None, lock_memory=False),
)
"""Slow and forgiving: what is tested must not depend on how busy the machine is."""

JOINTS = ("shoulder_pan", "shoulder_lift", "elbow", "wrist_1", "wrist_2", "wrist_3")
CHANNELS = (*JOINTS, "suction")
TOKENS, HORIZON, STEPS, SIZE = 8, 16, 4, 64


def write_tiny_bundle(
    directory: Path,
    drift: Sequence[float],
    *,
    names: Sequence[str] = CHANNELS,
    poison: bool = False,
    execute_rows: int = 8,
    limits: tuple[ChannelLimits, ...] | None = None,
    size: int = SIZE,
) -> Path:
    """A bundle whose joints drift.

    Args:
        directory: Made by this function.
        drift: Per channel in the order of `names`: joints move by this much per row (delta channels, rad); suction is
            commanded absolutely to it.
        names: The policy's own order of channels.
        poison: Any instruction makes every chunk NaN (the golden case has an empty one, and is sound).
        execute_rows: Rows per request.
        limits: Of the action channels.
        size: Height and width of the pictures, pixels.
    """
    directory.mkdir(parents=True)
    width = len(names)
    rows = np.arange(1, HORIZON + 1, dtype=np.float32)[:, None]
    joint = np.array([name != "suction" for name in names])
    chunk = np.where(joint, np.asarray(drift, np.float32) * rows, np.asarray(drift, np.float32))[None].astype(
        np.float32
    )
    _save(_prefix(width, poison, size), directory / "prefix.onnx")
    _save(_step(chunk), directory / "step.onnx")
    save_file({"unused": np.zeros(1, np.float32)}, directory / WEIGHTS_FILE)
    _tokenizer().save(str(directory / "tokenizer.json"))
    _golden(chunk, width, size).save(directory / "golden.safetensors")
    manifest = Manifest(
        retain_version="0",
        family="tiny",
        merge=None,
        observation=Observation(
            cameras=(Camera(role="front", height=size, width=size, input="image.front"),),
            state=tuple(StateChannel(name=name, unit=_unit(name)) for name in names),
        ),
        action=Action(
            channels=tuple(_action(name) for name in names), dt_s=0.1, horizon=HORIZON, n_action_steps=execute_rows
        ),
        normalization=Normalization(state=_identity(width), action=_identity(width)),
        flow=Flow(steps=STEPS, noise="normal", time="noise_at_zero"),
        language=Language(max_tokens=TOKENS, tokenizer="tokenizer.json"),
        max_trained_delay=0,
        limits=limits,
        graphs=Graphs(
            prefix=Graph(
                file="prefix.onnx",
                inputs=(
                    Tensor(name="image.front", dtype="uint8", shape=(1, size, size, 3)),
                    Tensor(name="tokens", dtype="int64", shape=(1, TOKENS)),
                    Tensor(name="token_mask", dtype="bool", shape=(1, TOKENS)),
                    Tensor(name="state", dtype="float32", shape=(1, width)),
                ),
                outputs=(Tensor(name="kv", dtype="float32", shape=(1, width)),),
            ),
            step=Graph(
                file="step.onnx",
                inputs=(
                    Tensor(name="x", dtype="float32", shape=(1, HORIZON, width)),
                    Tensor(name="t", dtype="float32", shape=(1, HORIZON)),
                    Tensor(name="kv", dtype="float32", shape=(1, width)),
                ),
                outputs=(Tensor(name="velocity", dtype="float32", shape=(1, HORIZON, width)),),
            ),
        ),
        golden=Golden(file="golden.safetensors", atol=1e-4, recorded_by="numpy", graphs_checked_by="numpy"),
        files=record_files(directory),
    )
    (directory / MANIFEST_FILE).write_text(manifest.to_json())
    return directory


def _unit(name: str) -> str:
    return "1" if name.removesuffix(".pos") in ("suction", "gripper") else "rad"


def _action(name: str) -> ActionChannel:
    if name == "suction":
        return ActionChannel(name=name, unit="1", mode="absolute", interpolation="hold")
    return ActionChannel(name=name, unit=_unit(name), mode="delta", interpolation="linear")


def _identity(width: int) -> Affine:
    return Affine(offset=(0.0,) * width, scale=(1.0,) * width)


def _tokenizer() -> Tokenizer:
    words = ["[PAD]", "[UNK]", "place", "the", "red", "block", "near", "right", "lift"]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


def _prefix(width: int, poison: bool, size: int) -> onnx.ModelProto:
    # kv = state + weight·(sum of the image, the tokens and the mask): every input is really read. With poison the sum
    # of any words overflows to infinity, and infinity times zero in the step is NaN.
    nodes = [
        helper.make_node("Cast", ["image.front"], ["image"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["tokens"], ["ids"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["token_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["image"], ["image_sum"], keepdims=0),
        helper.make_node("ReduceSum", ["ids"], ["ids_sum"], keepdims=0),
        helper.make_node("ReduceSum", ["mask"], ["mask_sum"], keepdims=0),
        helper.make_node("Sum", ["image_sum", "ids_sum", "mask_sum"], ["all"]),
        helper.make_node("Mul", ["all", "weight"], ["weighed"]),
        helper.make_node("Add", ["state", "weighed"], ["kv"]),
    ]
    inputs = [
        helper.make_tensor_value_info("image.front", TensorProto.UINT8, [1, size, size, 3]),
        helper.make_tensor_value_info("tokens", TensorProto.INT64, [1, TOKENS]),
        helper.make_tensor_value_info("token_mask", TensorProto.BOOL, [1, TOKENS]),
        helper.make_tensor_value_info("state", TensorProto.FLOAT, [1, width]),
    ]
    outputs = [helper.make_tensor_value_info("kv", TensorProto.FLOAT, [1, width])]
    weight = numpy_helper.from_array(np.array(3e38 if poison else 0.0, np.float32), "weight")
    return helper.make_model(
        helper.make_graph(nodes, "prefix", inputs, outputs, [weight]), opset_imports=[helper.make_opsetid("", 18)]
    )


def _step(chunk: npt.NDArray[np.float32]) -> onnx.ModelProto:
    width = chunk.shape[-1]
    nodes = [
        helper.make_node("Sub", ["chunk", "x"], ["gap"]),
        helper.make_node("Sub", ["one", "t"], ["left"]),
        helper.make_node("Unsqueeze", ["left", "last_axis"], ["left_column"]),
        helper.make_node("Div", ["gap", "left_column"], ["speed"]),
        helper.make_node("ReduceSum", ["kv"], ["kv_sum"], keepdims=0),
        helper.make_node("Mul", ["kv_sum", "zero"], ["nothing"]),
        helper.make_node("Add", ["speed", "nothing"], ["velocity"]),
    ]
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, HORIZON, width]),
        helper.make_tensor_value_info("t", TensorProto.FLOAT, [1, HORIZON]),
        helper.make_tensor_value_info("kv", TensorProto.FLOAT, [1, width]),
    ]
    outputs = [helper.make_tensor_value_info("velocity", TensorProto.FLOAT, [1, HORIZON, width])]
    constants = [
        numpy_helper.from_array(chunk, "chunk"),
        numpy_helper.from_array(np.ones((), np.float32), "one"),
        numpy_helper.from_array(np.zeros((), np.float32), "zero"),
        numpy_helper.from_array(np.array([-1], np.int64), "last_axis"),
    ]
    return helper.make_model(
        helper.make_graph(nodes, "step", inputs, outputs, constants), opset_imports=[helper.make_opsetid("", 18)]
    )


def _save(model: onnx.ModelProto, path: Path) -> None:
    model.ir_version = 9
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def _golden(chunk: npt.NDArray[np.float32], width: int, size: int) -> GoldenCase:
    """What the graphs compute on black pictures and no words."""
    rng = np.random.default_rng(0)
    shape = (1, HORIZON, width)
    state = rng.standard_normal((1, width)).astype(np.float32)
    x, noise = (rng.standard_normal(shape).astype(np.float32) for _ in range(2))
    t = np.linspace(0, 0.9, HORIZON, dtype=np.float32)[None]
    return GoldenCase(
        instruction="lift the red block",
        prefix_inputs={
            "image.front": np.zeros((1, size, size, 3), np.uint8),
            "tokens": np.zeros((1, TOKENS), np.int64),
            "token_mask": np.zeros((1, TOKENS), np.bool_),
            "state": state,
        },
        prefix_outputs={"kv": state},
        x=x,
        t=t,
        velocity=(chunk - x) / (1 - t[..., None]),
        noise=noise,
        chunk=chunk,
        state=state,
        actions=chunk,
    )
