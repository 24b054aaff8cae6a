"""Engines from a bundle's graphs, for one GPU."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from retain.bundle.contents import WEIGHTS_FILE, Graph, Graphs
from retain.bundle.digest import record
from retain.bundle.engine_plans import ENGINES, Precision, Sidecar
from retain.engine.gpu import Gpu, find_gpu
from retain.errors import ExportError

from .flavour import Flavour, tensorrt
from .network import Network, linked_weights, read_network, unknown_weights
from .precision import GOLDEN_ATOL, with_products_in
from .progress import Progress, progress_monitor
from .timing_cache import keep_timing_cache, timing_cache_file, use_timing_cache


@dataclass(frozen=True)
class Target:
    """What engines are built with, and for what.

    Attributes:
        flavour: The library.
        compute_capability: As in "8.7".
        gpu: None builds without one, which TensorRT-RTX alone can: such engines cannot be refitted, because it compiles
            the part of an engine that takes new weights on the GPU itself.
    """

    flavour: Flavour
    compute_capability: str
    gpu: Gpu | None = None

    @classmethod
    def here(cls) -> "Target":
        """TensorRT and the GPU of this machine.

        Raises:
            MissingExtraError: TensorRT is not installed.
            ExportError: The driver shows no GPU.
        """
        flavour, gpu = tensorrt(), find_gpu()
        if gpu is None:
            raise ExportError(
                "--trt builds for this machine's GPU and the driver shows none; run it on the robot's computer"
            )
        return cls(flavour, gpu.compute_capability, gpu)

    def folder(self, precision: Precision) -> str:
        """The name of such engines' directory, as in "Orin-sm87-tensorrt10.3.0.30-bf16"."""
        gpu = "any" if self.gpu is None else self.gpu.name.replace(" ", "_").replace("/", "_")
        capability = self.compute_capability.replace(".", "")
        return f"{gpu}-sm{capability}-{self.flavour.name}{self.flavour.version}-{precision}"

    @property
    def refittable(self) -> bool:
        """Whether engines can be built so that they take other weights."""
        return self.gpu is not None


def roles(graphs: Graphs) -> dict[str, Graph]:
    """The graphs of a bundle by role: "prefix", and "step" where there is one."""
    return dict(zip(("prefix", "step"), graphs.all, strict=False))


def build_engines(
    directory: Path,
    graphs: Graphs,
    target: Target,
    precision: Precision,
    atol: float,
    *,
    progress: Progress | None = None,
) -> Sidecar:
    """Build `engines/<target>-<precision>/{prefix,step}.engine` with a sidecar.

    Args:
        directory: The bundle, with graphs and weights in place.
        graphs: From its manifest.
        target: What to build with, and for what.
        precision: In what the matrix products are computed; everything else stays in float32.
        atol: The bundle's golden tolerance, which holds for float32.
        progress: Told what the builder does.

    Raises:
        ExportError: TensorRT cannot read or build a graph, or does not know a weight by its name.
    """
    folder = directory / ENGINES / target.folder(precision)
    folder.mkdir(parents=True)
    for role, graph in roles(graphs).items():
        plan = _build(directory / graph.file, target, precision, progress)
        (folder / f"{role}.engine").write_bytes(plan)
    sidecar = Sidecar(
        flavour=target.flavour.name,
        version=target.flavour.version,
        gpu="any" if target.gpu is None else target.gpu.name,
        compute_capability=target.compute_capability,
        driver="none" if target.gpu is None else target.gpu.driver,
        precision=precision,
        atol=max(atol, GOLDEN_ATOL.get(precision, 0.0)),
        refittable=target.refittable,
        graphs={graph.file: record(directory / graph.file).sha256 for graph in graphs.all},
        weights=record(directory / WEIGHTS_FILE).sha256,
        plans={role: f"{role}.engine" for role in roles(graphs)},
    )
    sidecar.write(folder)
    return sidecar


def _build(file: Path, target: Target, precision: Precision, progress: Progress | None) -> Any:
    graph = with_products_in(onnx.load(file, load_external_data=False), precision)
    network = read_network(graph, file, target.flavour)
    names = [tensor.name for tensor in linked_weights(graph)]
    if unknown := unknown_weights(network, names):
        raise ExportError(
            f"{target.flavour} reads {file.name} but does not know {len(unknown)} of its {len(names)} weights by name"
            f" (first: {unknown[0]}), so another α could not be put into the engine; please report this policy"
        )
    config = network.builder.create_builder_config()
    trt = target.flavour.module
    if target.refittable:
        config.set_flag(trt.BuilderFlag.REFIT)
    # The golden tolerance is float32's; TF32 keeps 10 bits of the mantissa.
    config.clear_flag(trt.BuilderFlag.TF32)
    if target.gpu is None:
        config.num_compute_capabilities = 1
        config.set_compute_capability(_capability(target), 0)
    return _serialized(network, config, file, target, progress)


def _serialized(network: Network, config: Any, file: Path, target: Target, progress: Progress | None) -> Any:
    monitor = None if progress is None else progress_monitor(target.flavour, progress)
    if monitor is not None:
        config.progress_monitor = monitor
    # TensorRT-RTX compiles kernels where they run, and measures none.
    cache = timing_cache_file(target.flavour, target.gpu) if target.flavour.name == "tensorrt" else None
    if cache is not None:
        use_timing_cache(config, cache)
    network.messages.take()
    plan = network.builder.build_serialized_network(network.definition, config)
    if monitor is not None and monitor.interrupted:
        raise KeyboardInterrupt
    if plan is None:
        raise ExportError(
            f"{target.flavour} cannot build {file.name} for compute capability {target.compute_capability}:"
            f" {network.messages.take()}"
        )
    if cache is not None:
        keep_timing_cache(config, cache)
    return plan


def _capability(target: Target) -> Any:
    known = target.flavour.module.ComputeCapability
    name = f"SM{target.compute_capability.replace('.', '')}"
    if not hasattr(known, name):
        names = ", ".join(sorted(member for member in dir(known) if member.startswith("SM")))
        raise ExportError(f"{target.flavour} builds for {names} without a GPU, {name} was asked for")
    return getattr(known, name)
