"""From a bundle to an engine that has proved itself on this machine."""

from collections.abc import Mapping
from pathlib import Path

from retain._core import engine as core
from retain.bundle import Bundle
from retain.bundle.manifest import Graph
from retain.engine.golden import check_golden
from retain.engine.library import find_onnxruntime
from retain.errors import EngineError


def open_engine(
    bundle: Bundle,
    provider: str = "cpu",
    threads: int = 1,
    *,
    provider_options: Mapping[str, str] | None = None,
    library: Path | None = None,
    optimize: bool = True,
    golden: bool = True,
) -> core.OnnxRuntimeEngine:
    """Open a bundle's graphs in ONNX Runtime, in C++.

    Args:
        bundle: An opened bundle.
        provider: "cpu", "cuda", "tensorrt", or another of ONNX Runtime's providers by its own name.
        threads: Threads inside an operator; the control loop's threads want the other cores.
        provider_options: The provider's documented options.
        library: Path of libonnxruntime.so; None takes the installed wheel's.
        optimize: False runs the graphs node by node as exported, to check the optimized ones against.
        golden: Compare with the bundle's golden outputs before anything may use the engine.

    Raises:
        EngineError: The library, the provider or a graph cannot be opened.
        BundleError: The golden outputs are not reproduced; the message has the numbers.
        MissingExtraError: ONNX Runtime is not installed.
    """
    if threads < 1:
        raise EngineError(f"threads is {threads}, expected 1 or more")
    graphs = bundle.manifest.graphs
    engine = core.OnnxRuntimeEngine(
        _graph(bundle, graphs.prefix),
        _graph(bundle, graphs.step),
        library=library if library is not None else find_onnxruntime(),
        threads=threads,
        provider=provider,
        provider_options=dict(provider_options or {}),
        optimize=optimize,
    )
    if golden:
        check_golden(engine, bundle)
    return engine


def _graph(bundle: Bundle, graph: Graph) -> core.Graph:
    return core.Graph(
        bundle.file(graph.file),
        [(tensor.name, tensor.dtype, tensor.shape) for tensor in graph.inputs],
        [(tensor.name, tensor.dtype, tensor.shape) for tensor in graph.outputs],
    )
