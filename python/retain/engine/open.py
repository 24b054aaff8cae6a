"""From a bundle to an engine that has proved itself on this machine."""

from collections.abc import Mapping
from pathlib import Path

from retain._core import engine as core
from retain.bundle import Bundle
from retain.bundle.manifest import Graph, Graphs
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
    engine = open_graphs(
        bundle.path,
        bundle.manifest.graphs,
        provider,
        threads,
        provider_options=provider_options,
        library=library,
        optimize=optimize,
    )
    if golden:
        check_golden(engine, bundle)
    return engine


def open_graphs(
    directory: Path,
    graphs: Graphs,
    provider: str = "cpu",
    threads: int = 1,
    *,
    provider_options: Mapping[str, str] | None = None,
    library: Path | None = None,
    optimize: bool = True,
) -> core.OnnxRuntimeEngine:
    """Open two graphs that need not belong to a finished bundle; `open_engine` describes the arguments."""
    if threads < 1:
        raise EngineError(f"threads is {threads}, expected 1 or more")
    return core.OnnxRuntimeEngine(
        _graph(directory, graphs.prefix),
        None if graphs.step is None else _graph(directory, graphs.step),
        library=library if library is not None else find_onnxruntime(),
        threads=threads,
        provider=provider,
        provider_options=dict(provider_options or {}),
        optimize=optimize,
    )


def _graph(directory: Path, graph: Graph) -> core.Graph:
    return core.Graph(
        directory / graph.file,
        [(tensor.name, tensor.dtype, tensor.shape) for tensor in graph.inputs],
        [(tensor.name, tensor.dtype, tensor.shape) for tensor in graph.outputs],
    )
