"""Two graphs on disk become an engine, in C++."""

from collections.abc import Mapping
from pathlib import Path

from retain._core import engine as core
from retain.bundle.contents import Graph, Graphs
from retain.engine.library import find_onnxruntime
from retain.errors import EngineError


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
    """Open graphs that need not belong to a finished bundle; `retain.engine.open_engine` describes the arguments."""
    if threads < 1:
        raise EngineError(f"threads is {threads}, expected 1 or more")
    return core.OnnxRuntimeEngine(
        graph_spec(directory / graphs.prefix.file, graphs.prefix),
        None if graphs.step is None else graph_spec(directory / graphs.step.file, graphs.step),
        library=library if library is not None else find_onnxruntime(),
        threads=threads,
        provider=provider,
        provider_options=dict(provider_options or {}),
        optimize=optimize,
    )


def graph_spec(file: Path, graph: Graph) -> core.Graph:
    """A file with the inputs and outputs that the manifest says a graph has."""
    return core.Graph(
        file,
        [(tensor.name, tensor.dtype, tensor.shape) for tensor in graph.inputs],
        [(tensor.name, tensor.dtype, tensor.shape) for tensor in graph.outputs],
    )
