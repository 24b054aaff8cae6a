"""TensorRT engines beside the graphs, for the GPU that this machine has.

Engines are strongly typed (each tensor is computed in the type that the graph gives it: float32) and refittable, so
that another α can be put into them without a rebuild. They run only on the GPU model and TensorRT version that built
them; the sidecar says which.
"""

import ctypes
import json
from pathlib import Path
from types import ModuleType
from typing import Any

from retain.bundle.digest import record
from retain.bundle.manifest import WEIGHTS_FILE, Graph, Graphs
from retain.errors import ExportError, require

ENGINES = "engines"
PRECISION = "fp32"

_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_{MAJOR,MINOR}


def require_tensorrt() -> ModuleType:
    """TensorRT's Python package, or an error before anything is written.

    Raises:
        MissingExtraError: It is not installed.
        ExportError: It is installed but finds no GPU.
    """
    tensorrt = require("tensorrt", extra="trt")
    _gpu()
    return tensorrt


def build_engines(directory: Path, graphs: Graphs, tensorrt: ModuleType) -> None:
    """Build `engines/<gpu>-sm<capability>-trt<version>-<precision>/{prefix,step}.engine` with a sidecar.

    Args:
        directory: The bundle, with graphs and weights in place.
        graphs: From its manifest.
        tensorrt: From `require_tensorrt`.

    Raises:
        ExportError: TensorRT cannot parse or build a graph; the message is its own.
    """
    name, capability = _gpu()
    folder = directory / ENGINES / f"{name.replace(' ', '_')}-sm{capability}-trt{tensorrt.__version__}-{PRECISION}"
    folder.mkdir(parents=True)
    for role, graph in zip(("prefix", "step"), graphs.all, strict=False):
        (folder / f"{role}.engine").write_bytes(_build(directory, graph, tensorrt))
    sidecar = {
        "gpu": name,
        "compute_capability": capability,
        "tensorrt": tensorrt.__version__,
        "precision": PRECISION,
        "refittable": True,
        "sha256": {
            file: record(directory / file).sha256 for file in (*(graph.file for graph in graphs.all), WEIGHTS_FILE)
        },
    }
    (folder / "engine.json").write_text(json.dumps(sidecar, indent=2) + "\n", encoding="utf-8")


def _build(directory: Path, graph: Graph, trt: ModuleType) -> Any:
    logger = trt.Logger(trt.Logger.ERROR)
    builder = trt.Builder(logger)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    # By path, not by bytes: the parser resolves the weights' location beside the graph.
    if not parser.parse_from_file(str(directory / graph.file)):
        reasons = "; ".join(parser.get_error(index).desc() for index in range(parser.num_errors))
        raise ExportError(f"TensorRT {trt.__version__} cannot read {graph.file}: {reasons}")
    config = builder.create_builder_config()
    config.set_flag(trt.BuilderFlag.REFIT)
    # The golden tolerance is float32's; TF32 keeps 10 bits of the mantissa.
    config.clear_flag(trt.BuilderFlag.TF32)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise ExportError(
            f"TensorRT {trt.__version__} cannot build {graph.file} for this GPU; run trtexec --verbose on it"
        )
    return plan


def _gpu() -> tuple[str, str]:
    """Name and compute capability ("87") of the first GPU, asked of the driver."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
        found = driver.cuInit(0) == 0
    except OSError:
        found = False
    if not found:
        raise ExportError(
            "--trt builds for this machine's GPU and the driver shows none; run it on the robot's computer"
        )
    name = ctypes.create_string_buffer(128)
    driver.cuDeviceGetName(name, len(name), 0)
    return name.value.decode(), "".join(str(_attribute(driver, which)) for which in (_MAJOR, _MINOR))


def _attribute(driver: ctypes.CDLL, which: int) -> int:
    value = ctypes.c_int()
    driver.cuDeviceGetAttribute(ctypes.byref(value), which, 0)
    return value.value
