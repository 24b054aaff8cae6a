"""From a PyTorch policy to two ONNX graphs, traced once per architecture."""

import gc
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from retain.bundle.contents import WEIGHTS_FILE, Graph
from retain.bundle.contents import Tensor as TensorSpec
from retain.errors import ExportError, require
from retain.policy import Policy
from torch import Tensor, nn

from .value_names import check_interface, free_interface_names, name_as_in_the_policy

if TYPE_CHECKING:
    import onnx
    import onnx_ir

OPSET = 18
"""TensorRT 10.0, the oldest on a supported Jetson, reads opsets 9 to 20; 18 is also what PyTorch's exporter emits."""

PREFIX_FILE = "prefix.onnx"
STEP_FILE = "step.onnx"

_DTYPES = {1: "float32", 2: "uint8", 7: "int64", 9: "bool"}


class _Prefix(nn.Module):
    def __init__(self, policy: Policy) -> None:
        super().__init__()
        self.policy = policy

    def forward(self, images: list[Tensor], words: list[Tensor], state: Tensor) -> tuple[Tensor, ...]:
        # A graph has exactly the inputs that it reads: none for words where the policy takes no instruction.
        none = state.new_zeros(len(state), 0)
        tokens, mask = words or (none.long(), none.bool())
        return tuple(self.policy.prefix(images, tokens, mask, state).values())


class _Step(nn.Module):
    def __init__(self, policy: Policy, names: Sequence[str]) -> None:
        super().__init__()
        self.policy, self.names = policy, names

    def forward(self, x: Tensor, t: Tensor, *context: Tensor) -> Tensor:
        return self.policy.step(x, t, dict(zip(self.names, context, strict=True)))


def trace(policy: Policy) -> "tuple[onnx.ModelProto, onnx.ModelProto | None]":
    """Trace prefix and step for one observation (batch 1, static shapes); no step where the chunk is regressed.

    Every parameter that a graph uses is an initializer under its name in `policy.state_dict()`: the exporter's
    optimizer stays off, because it would fold, transpose and rename them.

    Raises:
        ExportError: The exporter cannot express the policy (the message is its own), or what the prefix returns is
            called like something else in the graphs.
        MissingExtraError: onnx or onnxscript is not installed.
    """
    require("onnx", extra="export")
    require("onnxscript", extra="export")
    spec = policy.spec
    images = [torch.zeros(1, camera.height, camera.width, 3, dtype=torch.uint8) for camera in spec.cameras]
    tokens = torch.zeros(1, spec.max_tokens, dtype=torch.int64)
    mask = torch.ones(1, spec.max_tokens, dtype=torch.bool)
    state = torch.zeros(1, len(spec.state))
    with torch.no_grad():
        context = policy.prefix(images, tokens, mask, state)
    x = torch.zeros(1, spec.horizon, spec.action_width)
    t = torch.zeros(1, spec.horizon)
    words, inputs = ([tokens, mask], ["tokens", "token_mask"]) if spec.max_tokens else ([], [])
    inputs = [*(f"image.{camera.role}" for camera in spec.cameras), *inputs, "state"]
    check_interface(inputs, list(context), [] if spec.flow is None else ["x", "t", "velocity"])
    prefix = _trace(_Prefix(policy), (images, words, state), inputs, list(context))
    if spec.flow is None:
        return prefix, None
    step = _Step(policy, list(context))
    return prefix, _trace(step, (x, t, *context.values()), ["x", "t", *context], ["velocity"])


def signature(model: "onnx.ModelProto", file: str) -> Graph:
    """What the manifest says about a graph: names, dtypes and shapes of its inputs and outputs."""
    return Graph(file=file, inputs=_specs(model.graph.input), outputs=_specs(model.graph.output))


def _trace(module: nn.Module, arguments: tuple[Any, ...], inputs: list[str], outputs: list[str]) -> "onnx.ModelProto":
    from .constant_integers import fold_integers
    from .linear_layers import linear_as_gemm
    from .plain_convolutions import drop_zero_biases
    from .sequences import slice_sequences
    from .uint8_images import cast_frames_first

    with _quiet():
        try:
            program = torch.onnx.export(
                module.eval(),
                arguments,
                dynamo=True,
                optimize=False,
                opset_version=OPSET,
                input_names=inputs,
                output_names=outputs,
                verbose=False,
            )
        except torch.onnx.errors.OnnxExporterError as error:
            reason = str(error).strip().splitlines()[-1]
            name = type(module).__name__.strip("_").lower()
            raise ExportError(f"PyTorch {torch.__version__} cannot express the {name} in ONNX: {reason}") from error
    assert program is not None  # dynamo=True always returns one
    _leave_weights_out(program.model, module)
    free_interface_names(program.model)
    model = program.model_proto
    # The exporter leaves cycles behind that hold every weight: without a collection a policy of four billion parameters
    # would still be in memory when its bundle is opened for the check.
    del program
    gc.collect()
    name_as_in_the_policy(model)
    slice_sequences(model)
    cast_frames_first(model)
    drop_zero_biases(model)
    fold_integers(model)
    linear_as_gemm(model)
    return model


def _leave_weights_out(model: "onnx_ir.Model", module: nn.Module) -> None:
    """No bytes of what `link` will point into the checkpoint: a second copy of three billion numbers is 12 GB."""
    import onnx_ir

    weights = module.state_dict().keys()
    for name, value in model.graph.initializers.items():
        if name in weights and value.const_value is not None:
            held = value.const_value
            value.const_value = onnx_ir.ExternalTensor(
                WEIGHTS_FILE, 0, held.nbytes, held.dtype, shape=onnx_ir.Shape(held.shape), name=name
            )


def _specs(values: "Sequence[onnx.ValueInfoProto]") -> tuple[TensorSpec, ...]:
    return tuple(_spec(value) for value in values)


def _spec(value: "onnx.ValueInfoProto") -> TensorSpec:
    tensor = value.type.tensor_type
    shape = tuple(dimension.dim_value for dimension in tensor.shape.dim)
    dtype = _DTYPES.get(tensor.elem_type)
    if dtype is None or not all(shape):
        raise ExportError(
            f"{value.name} came out of the exporter with element type {tensor.elem_type} and shape {list(shape)};"
            f" a graph's inputs and outputs must be {', '.join(_DTYPES.values())} with static shapes"
        )
    return TensorSpec.model_validate({"name": value.name, "dtype": dtype, "shape": shape})


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter's own logging and its notices about other libraries' deprecations say nothing to our user."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
