"""A bundle's own TensorRT engines, opened on the machine that they were built for."""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from retain import _core
from retain._core import engine as core
from retain.bundle import WEIGHTS_FILE, Bundle
from retain.bundle.engine_plans import Sidecar, describe_machine, find_engines, release
from retain.engine.gpu import Gpu, find_gpu
from retain.engine.graphs import graph_spec
from retain.errors import BundleError, EngineError

NATIVE = "tensorrt-native"
"""The provider's name: the engines that `--trt` built, without ONNX Runtime."""

_MODULE = "libretain_tensorrt.so"


@dataclass(frozen=True)
class ChosenPlans:
    """Engines of a bundle that fit this machine.

    Attributes:
        folder: Where they lie.
        sidecar: What they are; its `atol` is how far they may be from the golden outputs.
        module: retain's part that speaks to TensorRT.
        library: TensorRT; None for the system's.
    """

    folder: Path
    sidecar: Sidecar
    module: Path
    library: Path | None


def choose_plans(bundle: Bundle, options: Mapping[str, str]) -> ChosenPlans:
    """Find the engines of a bundle that fit this machine, without opening them.

    Args:
        bundle: An opened bundle.
        options: `{"precision": "bf16"}` where the bundle has engines in several; nothing else.

    Raises:
        EngineError: There are no engines, none for this machine, or no TensorRT.
        BundleError: The engines hold other weights or other graphs than the bundle.
    """
    if unknown := sorted(options.keys() - {"precision"}):
        raise EngineError(f"{NATIVE} has the option precision alone; leave out {', '.join(unknown)}")
    engines = {
        folder: sidecar
        for folder, sidecar in find_engines(bundle.path).items()
        if sidecar.precision == options.get("precision", sidecar.precision)
    }
    if not engines:
        asked = f" in {options['precision']}" if options else ""
        raise EngineError(
            f"{bundle.path} has no TensorRT engines{asked}; build them on the robot's computer: {_rebuild(bundle)}"
        )
    module, library, gpu = find_module(), _library(), find_gpu()
    # Without a GPU any of them gives the error that says so, when it is opened.
    folder = next(iter(engines)) if gpu is None else _for_this_machine(engines, gpu, module, library, _rebuild(bundle))
    _check_contents(bundle, folder, engines[folder])
    return ChosenPlans(folder, engines[folder], module, library)


def open_plans(bundle: Bundle, chosen: ChosenPlans) -> "core.TensorRtEngine":
    """Open engines in C++.

    Raises:
        EngineError: There is no driver or no GPU, or TensorRT does not take the plans.
    """
    graphs, sidecar = bundle.manifest.graphs, chosen.sidecar
    return core.TensorRtEngine(
        graph_spec(chosen.folder / sidecar.plans["prefix"], graphs.prefix),
        None if graphs.step is None else graph_spec(chosen.folder / sidecar.plans["step"], graphs.step),
        built_for=core.PlanMachine(
            gpu=sidecar.gpu,
            compute_capability=sidecar.compute_capability,
            version=release(sidecar.version),
            precision=sidecar.precision,
            rebuild=_rebuild(bundle),
        ),
        module=chosen.module,
        library=chosen.library,
    )


def _rebuild(bundle: Bundle) -> str:
    return f"retain export {bundle.path} -o NEW --graph-from {bundle.path} --trt"


def _for_this_machine(
    engines: Mapping[Path, Sidecar], gpu: Gpu, module: Path, library: Path | None, rebuild: str
) -> Path:
    version = core.tensorrt_version(module=module, library=library)
    fitting = [
        folder
        for folder, sidecar in engines.items()
        if sidecar.runs_on(gpu.name, gpu.compute_capability, "tensorrt", version)
    ]
    if not fitting:
        here = describe_machine(gpu.name, gpu.compute_capability, "tensorrt", version)
        built = "; ".join(sidecar.machine for sidecar in engines.values())
        raise EngineError(f"the engines were built for {built}, this is {here}; build them here: {rebuild}")
    if len(fitting) > 1:
        names = ", ".join(engines[folder].precision for folder in fitting)
        raise EngineError(f"the bundle has engines for this machine in {names}; choose one with the option precision")
    return fitting[0]


def _check_contents(bundle: Bundle, folder: Path, sidecar: Sidecar) -> None:
    files = bundle.manifest.files
    expected = {name: files[name].sha256 for name in sidecar.graphs if name in files}
    if sidecar.weights != files[WEIGHTS_FILE].sha256 or sidecar.graphs != expected:
        raise BundleError(
            f"{folder} was built from other weights or graphs than the bundle has (another α); renew it:"
            f" {_rebuild(bundle)}"
        )


def find_module() -> Path:
    """The part of retain that needs TensorRT's headers to be built, beside the extension module.

    Raises:
        EngineError: This retain was built without it.
    """
    path = Path(str(_core.__file__)).with_name(_MODULE)
    if not path.is_file():
        raise EngineError(
            f"this retain was built without its TensorRT engine ({_MODULE}), because TensorRT's headers were not found:"
            " on a Jetson run `sudo apt install libnvinfer-dev cuda-cudart-dev`, then"
            " `pip install --no-cache-dir --no-deps --force-reinstall --no-binary retain-vla retain-vla`"
            " (docs/tensorrt.md)"
        )
    return path


def _library() -> Path | None:
    """The libnvinfer of the installed `tensorrt` wheel, or None for the system's."""
    spec = importlib.util.find_spec("tensorrt_libs")
    places = [] if spec is None else list(spec.submodule_search_locations or ())
    found = [library for place in places for library in sorted(Path(place).glob("libnvinfer.so.*"))]
    return found[0] if found else None
