"""Which engines can compute a bundle on this machine, and why the others cannot."""

import ctypes
import importlib.util
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from retain.engine import find_onnxruntime
from retain.engine.tensorrt import find_module
from retain.errors import ConfigError, RetainError


@dataclass(frozen=True)
class Contender:
    """One engine in one configuration.

    Attributes:
        engine: A name of `ENGINES`.
        threads: On the CPU; None on a GPU.
        absent: Why it cannot be measured here; None where nothing speaks against it.
    """

    engine: str
    threads: int | None
    absent: str | None = None

    @property
    def device(self) -> str:
        """Where it computes: "cpu" or "cuda"."""
        return "cpu" if self.threads else "cuda"

    @property
    def label(self) -> str:
        """As in "cpu, 2 threads"."""
        if self.threads is None:
            return self.engine
        return f"{self.engine}, {self.threads} thread{'s' if self.threads > 1 else ''}"


@dataclass(frozen=True)
class EngineKind:
    """What an engine's name stands for.

    Attributes:
        what: In words.
        gpu: Whether it computes on one.
        absence: Says why it is not here, or nothing.
        asked_only: Left out unless it is named.
    """

    what: str
    gpu: bool
    absence: Callable[[], str | None]
    asked_only: bool = False


def default_threads() -> tuple[int, ...]:
    """1, 2, 4 … up to the cores of this process, and all of them."""
    cores = len(os.sched_getaffinity(0))
    return tuple(sorted({*(1 << i for i in range(cores.bit_length()) if 1 << i <= cores), cores}))


def survey(engines: Sequence[str] | None = None, threads: Sequence[int] | None = None) -> list[Contender]:
    """Every engine that was asked for, present or not.

    Args:
        engines: Names; None: all but those that are measured only when asked for, which are then listed as absent.
        threads: Of every engine on the CPU; None: `default_threads`.

    Raises:
        ConfigError: An unknown name, or fewer threads than one.
    """
    if unknown := [name for name in engines or () if name not in ENGINES]:
        raise ConfigError(f"there is no engine {', '.join(unknown)}; there are {', '.join(ENGINES)}")
    counts = tuple(dict.fromkeys(threads)) if threads else default_threads()
    if min(counts) < 1:
        raise ConfigError(f"threads are {', '.join(map(str, counts))}; expected 1 or more of each")
    found = []
    for name in dict.fromkeys(engines or ENGINES):
        kind = ENGINES[name]
        reason = kind.absence()
        if engines is None and kind.asked_only and reason is None:
            reason = f"not asked for: compiling takes half a minute or more; --engines …,{name}"
        on_cpu = not kind.gpu and reason is None
        found += [Contender(name, count) for count in counts] if on_cpu else [Contender(name, None, reason)]
    return found


def _no_onnxruntime() -> str | None:
    try:
        find_onnxruntime()
    except RetainError as error:
        return str(error)
    return None


def _no_provider(provider: str) -> str | None:
    if reason := _no_onnxruntime():
        return reason
    library = find_onnxruntime().parent / f"libonnxruntime_providers_{provider}.so"
    if not library.exists():
        return f"the installed onnxruntime has no {library.name}; run: pip install 'retain-vla[gpu]'"
    return _no_gpu()


def _no_gpu() -> str | None:
    try:
        if ctypes.CDLL("libcuda.so.1").cuInit(0) == 0:
            return None
    except OSError:
        return "there is no NVIDIA driver (libcuda.so.1)"
    return "the NVIDIA driver shows no GPU"


def _no_tensorrt() -> str | None:
    try:
        find_module()
    except RetainError as error:
        return str(error)
    return None


def _no_torch() -> str | None:
    if importlib.util.find_spec("torch") is None:
        return "torch is not installed; run: pip install 'retain-vla[train]'"
    return None


def _no_compiler() -> str | None:
    if reason := _no_torch():
        return reason
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        return f"torch.compile needs a C++ compiler and there is no {compiler}; run: sudo apt install g++"
    return None


def _first(*checks: Callable[[], str | None]) -> Callable[[], str | None]:
    return lambda: next((reason for check in checks if (reason := check())), None)


ENGINES: Mapping[str, EngineKind] = {
    "cpu": EngineKind("ONNX Runtime in C++ on the CPU", False, _no_onnxruntime),
    "cuda": EngineKind("ONNX Runtime in C++ with its CUDA provider", True, lambda: _no_provider("cuda")),
    "tensorrt": EngineKind("ONNX Runtime in C++ with its TensorRT provider", True, lambda: _no_provider("tensorrt")),
    "tensorrt-native": EngineKind("the bundle's own TensorRT engines in C++", True, _first(_no_tensorrt, _no_gpu)),
    "eager": EngineKind("PyTorch eager on the CPU", False, _no_torch),
    "compiled": EngineKind("torch.compile on the CPU", False, _no_compiler, asked_only=True),
    "eager-cuda": EngineKind("PyTorch eager on the GPU", True, _first(_no_torch, _no_gpu)),
    "compiled-cuda": EngineKind("torch.compile on the GPU", True, _first(_no_compiler, _no_gpu), asked_only=True),
}
"""By the name that `--engines` takes."""
