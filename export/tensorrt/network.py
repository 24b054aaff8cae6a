"""A graph as TensorRT's parser reads it, and the proof that it knows our weights by their names."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto
from retain.errors import ExportError

from .flavour import Flavour, Messages


@dataclass(frozen=True)
class Network:
    """A parsed graph with all that must live as long as it does.

    Attributes:
        definition: TensorRT's INetworkDefinition, strongly typed.
        builder: Its builder.
        messages: What the library complains about.
    """

    definition: Any
    builder: Any
    messages: Messages
    _parser: Any
    """It owns the weights' bytes until the engine is built."""


def read_network(graph: onnx.ModelProto, file: Path, flavour: Flavour) -> Network:
    """Parse a graph.

    Args:
        graph: The graph, whose weights lie outside.
        file: Where it lies or would lie: the weights' location is relative to it.
        flavour: Whose parser.

    Raises:
        ExportError: The parser refuses the graph; the message has its reasons.
    """
    trt, messages = flavour.module, Messages(flavour)
    builder = trt.Builder(messages.logger)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, messages.logger)
    if not parser.parse(graph.SerializeToString(), str(file)):
        reasons = [_reason(parser.get_error(index)) for index in range(parser.num_errors)]
        raise ExportError(
            f"{flavour} cannot read {file.name}: {'; '.join(reasons[:3]) or messages.take()}; export the policy again"
            " without --graph-from, and report it if that does not help"
        )
    return Network(network, builder, messages, parser)


def linked_weights(graph: onnx.ModelProto) -> list[TensorProto]:
    """The initializers that point into model.safetensors: those that another α changes."""
    return [tensor for tensor in graph.graph.initializer if tensor.data_location == TensorProto.EXTERNAL]


def unknown_weights(network: Network, names: Iterable[str]) -> list[str]:
    """Those of the names under which TensorRT has no weights that could be refitted.

    A weight is lost to refitting when the parser copies it under another name or computes with it.
    """
    unknown = []
    for name in names:
        if network.definition.mark_weights_refittable(name):
            network.definition.unmark_weights_refittable(name)
        else:
            unknown.append(name)
    network.messages.take()
    return unknown


def _reason(error: Any) -> str:
    node = f"{error.node_operator()} {error.node_name()}" if hasattr(error, "node_operator") else f"node {error.node()}"
    return f"{node}: {' '.join(str(error.desc()).split())}"
