"""Another α in an engine that is built already: its weights are replaced by name, nothing is measured again.

A weight that TensorRT does not list stays as it was at the build, and an engine that mixes two α is worse than none. So
every weight of the graph has to be listed, and everything that TensorRT wants has to be found.
(TensorRT 11.3's release notes: with REFIT "a GEMM bias can be dropped and treated as zero, and that bias is not exposed
through the refit API". Such an engine is refused here, and by the golden check before.)
"""

import mmap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, numpy_helper
from retain.bundle.contents import WEIGHTS_FILE, Graphs
from retain.bundle.digest import record
from retain.bundle.engine_plans import Sidecar
from retain.errors import ExportError

from .build import roles
from .flavour import Flavour, Messages
from .network import linked_weights

_TYPES = {
    TensorProto.FLOAT: "FLOAT",
    TensorProto.BFLOAT16: "BF16",
    TensorProto.FLOAT16: "HALF",
    TensorProto.INT64: "INT64",
    TensorProto.INT32: "INT32",
    TensorProto.BOOL: "BOOL",
}
"""ONNX's element types under TensorRT's names."""


@dataclass(frozen=True)
class Weight:
    """A weight as it is handed to TensorRT: bytes where they lie, and what they are.

    Attributes:
        data_type: ONNX's number of its element type, the stored one.
        address: Of the first byte.
        count: Elements.
    """

    data_type: int
    address: int
    count: int


def refit_engines(folder: Path, directory: Path, graphs: Graphs, flavour: Flavour) -> Sidecar:
    """Put the weights of a bundle into its engines, which were built for others of the same layout.

    Args:
        folder: Of the engines, under the bundle's `engines/`.
        directory: The bundle, with graphs and the new weights in place.
        graphs: From its manifest.
        flavour: The library that built the engines, on a machine with their GPU.

    Returns:
        The new sidecar, which is written.

    Raises:
        BundleError: The engines have no sidecar.
        ExportError: They are not refittable, or TensorRT does not take a weight; nothing was changed.
    """
    sidecar = Sidecar.read(folder)
    if not sidecar.refittable:
        raise ExportError(
            f"the engines in {folder} were built so that they keep their weights; build them again: --trt"
        )
    plans: dict[str, Any] = {}
    with mapped(directory / WEIGHTS_FILE) as base:
        for role, graph in roles(graphs).items():
            model = onnx.load(directory / graph.file, load_external_data=False)
            plans[sidecar.plans[role]] = _refitted(folder / sidecar.plans[role], model, base, flavour)
    updated = sidecar.model_copy(
        update={
            "graphs": {graph.file: record(directory / graph.file).sha256 for graph in graphs.all},
            "weights": record(directory / WEIGHTS_FILE).sha256,
        }
    )
    for name, plan in plans.items():
        (folder / name).write_bytes(plan)
    updated.write(folder)
    return updated


def _refitted(file: Path, graph: onnx.ModelProto, base: int, flavour: Flavour) -> Any:
    trt, messages = flavour.module, Messages(flavour)
    runtime = trt.Runtime(messages.logger)
    engine = runtime.deserialize_cuda_engine(file.read_bytes())
    if engine is None:
        raise ExportError(f"{flavour} cannot open {file} ({messages.take()}); build the engines again: --trt")
    linked = {tensor.name: _linked(tensor, base) for tensor in linked_weights(graph)}
    inline = dict(_inline(graph))
    constants = {
        name: Weight(data_type, values.ctypes.data, values.size) for name, (data_type, values) in inline.items()
    }
    set_weights(trt.Refitter(engine, messages.logger), linked, constants, flavour, file.name, messages)
    return _serialize(engine, trt)


def set_weights(
    refitter: Any,
    linked: Mapping[str, Weight],
    constants: Mapping[str, Weight],
    flavour: Flavour,
    name: str,
    messages: Messages,
) -> None:
    """Hand all weights to a refitter and let it work.

    Args:
        refitter: Of the engine.
        linked: The graph's weights, by the initializer's name.
        constants: The numbers inside the graph, which are the same for every α: TensorRT may ask for those that it has
            folded together with a weight.
        flavour: The library.
        name: Of the engine, for messages.
        messages: Of the library.

    Raises:
        ExportError: A weight is not listed, is of another size or type, or one that is wanted is not in the graph.
    """
    listed = set(refitter.get_all_weights())
    if lost := sorted(linked.keys() - listed):
        raise ExportError(
            f"{name} cannot take {len(lost)} of the graph's {len(linked)} weights (first: {lost[0]}), so it would keep"
            f" those of its build; build the engines again, without --graph-from: --trt ({flavour})"
        )
    for weight_name, weight in linked.items():
        _set(refitter, weight_name, weight, flavour, name, messages)
    wanted = list(refitter.get_missing_weights())
    if unknown := sorted(set(wanted) - constants.keys()):
        raise ExportError(
            f"{name} wants {len(unknown)} weights that the graph does not have (first: {unknown[0]}); build the engines"
            f" again, without --graph-from: --trt ({flavour})"
        )
    for weight_name in wanted:
        _set(refitter, weight_name, constants[weight_name], flavour, name, messages)
    if not refitter.refit_cuda_engine():
        raise ExportError(f"{flavour} cannot refit {name}: {messages.take()}; build the engines again: --trt")


def _set(refitter: Any, weight_name: str, weight: Weight, flavour: Flavour, name: str, messages: Messages) -> None:
    trt = flavour.module
    element = TensorProto.DataType.Name(weight.data_type)
    if weight.data_type not in _TYPES:
        raise ExportError(
            f"{name} wants {weight_name}, which is {element}; refitting hands over {', '.join(_TYPES.values())}:"
            f" build the engines again, without --graph-from: --trt ({flavour})"
        )
    weights = trt.Weights(getattr(trt.DataType, _TYPES[weight.data_type]), weight.address, weight.count)
    if not refitter.set_named_weights(weight_name, weights):
        raise ExportError(
            f"{name} does not take {weight_name} ({weight.count} elements of {element}):"
            f" {messages.take()}; build the engines again: --trt"
        )


def _serialize(engine: Any, trt: Any) -> Any:
    """The engine with its new weights, ready to be refitted again."""
    config = engine.create_serialization_config()
    flag = trt.SerializationFlag
    config.clear_flag(flag.EXCLUDE_WEIGHTS)
    # From 10.13 on an engine stays refittable on request only.
    if hasattr(flag, "INCLUDE_REFIT"):
        config.set_flag(flag.INCLUDE_REFIT)
    return engine.serialize_with_config(config)


def _linked(tensor: TensorProto, base: int) -> Weight:
    place = {entry.key: entry.value for entry in tensor.external_data}
    return Weight(tensor.data_type, base + int(place["offset"]), int(np.prod(tensor.dims)))


def _inline(graph: onnx.ModelProto) -> Iterator[tuple[str, tuple[int, npt.NDArray[np.generic]]]]:
    for tensor in graph.graph.initializer:
        if tensor.data_location != TensorProto.EXTERNAL:
            yield tensor.name, (tensor.data_type, np.ascontiguousarray(numpy_helper.to_array(tensor)))
    for node in graph.graph.node:
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.name == "value":
                values = np.ascontiguousarray(numpy_helper.to_array(attribute.t))
                yield node.output[0], (attribute.t.data_type, values)


@contextmanager
def mapped(file: Path) -> Iterator[int]:
    """A file in memory, read as it is used; yields the address of its first byte."""
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_COPY) as memory:
        # ACCESS_COPY and not READ: only writable memory tells its address, and no write ever reaches the file.
        view = np.frombuffer(memory, np.uint8)
        try:
            yield view.ctypes.data
        finally:
            del view
