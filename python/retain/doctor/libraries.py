"""The libraries that a run may load, by their files and metadata: none of them is imported here."""

import re
from pathlib import Path

from retain.doctor.finding import Finding, Status
from retain.doctor.machine import Machine

_LIBRARY_FOLDERS = ("/usr/lib/*-linux-gnu", "/usr/lib64", "/usr/lib", "/lib/*-linux-gnu", "/usr/local/lib")
_SUPPORTED_MUJOCO = "3.17.0"
_OLDEST_ONNXRUNTIME = (1, 20)
_TENSORRT_MODULE = "libretain_tensorrt.so"
_HEADERS = "sudo apt install libnvinfer-dev cuda-cudart-dev"
# Without the cache, because pip keeps the wheel that it built before the headers were there.
_BUILD_AGAIN = "pip install --no-cache-dir --no-deps --force-reinstall --no-binary retain-vla retain-vla"


def check_libraries(machine: Machine) -> list[Finding]:
    """ONNX Runtime with its providers, TensorRT and retain's engine for it, CUDA, MuJoCo, RealSense."""
    return [
        _onnxruntime(machine), *_tensorrt(machine), _cuda(machine), _mujoco(machine), *_realsense(machine)
    ]  # fmt: skip


def _onnxruntime(machine: Machine) -> Finding:
    what, expected = "ONNX Runtime", "1.20 or newer"
    installed = {
        name: version for name in ("onnxruntime", "onnxruntime-gpu") if (version := machine.version(name)) is not None
    }
    folder = machine.folder("onnxruntime")
    if folder is None:
        mend = "pip install 'retain-vla[cpu]'   # or [gpu]; on a Jetson NVIDIA's own wheel"
        return Finding(what, Status.BAD, "not installed", expected, mend)
    version = " and ".join(f"{name} {number}" for name, number in installed.items()) or "a build without metadata"
    if len(installed) > 1:
        mend = "pip uninstall -y onnxruntime onnxruntime-gpu && pip install 'retain-vla[gpu]'"
        return Finding(what, Status.BAD, f"{version} in one folder", "one of them", mend)
    found = f"{version}, providers: {', '.join(_providers(folder / 'capi'))}"
    too_old = any(_numbers(number)[:2] < _OLDEST_ONNXRUNTIME for number in installed.values())
    if too_old or not list((folder / "capi").glob("libonnxruntime.so*")):
        return Finding(
            what, Status.BAD, found, f"{expected}, with libonnxruntime.so", "pip install -U 'retain-vla[cpu]'"
        )
    return Finding(what, Status.OK, found, expected)


def _providers(folder: Path) -> list[str]:
    extra = sorted(
        path.stem.removeprefix("libonnxruntime_providers_")
        for path in folder.glob("libonnxruntime_providers_*.so")
        if not path.stem.endswith("_shared")
    )
    return ["cpu", *extra]


def _tensorrt(machine: Machine) -> list[Finding]:
    found = machine.version("tensorrt") or _library(machine, "libnvinfer.so")
    if found is None:
        return [Finding("TensorRT", Status.ABSENT, "neither a wheel nor libnvinfer.so"), _native(machine, None)]
    return [Finding("TensorRT", Status.OK, found), _native(machine, _numbers(found))]


def _native(machine: Machine, installed: tuple[int, ...] | None) -> Finding:
    """Retain's own TensorRT engine. What it was built for stands in its file as text, so it isn't loaded for this."""
    what = "tensorrt-native"
    core = machine.file("retain._core")
    module = core.with_name(_TENSORRT_MODULE) if core is not None else None
    if module is None or not module.is_file():
        if installed is None:
            return Finding(what, Status.ABSENT, f"retain was built without {_TENSORRT_MODULE}")
        expected = f"{_TENSORRT_MODULE} beside retain's extension, for --engine tensorrt-native"
        return Finding(what, Status.WARN, "built without TensorRT's headers", expected, f"{_HEADERS} && {_BUILD_AGAIN}")
    name = re.search(rb"libnvinfer\.so\.(\d+)\0", module.read_bytes())
    if name is None:
        return Finding(what, Status.WARN, f"{module} tells no release", "one of this build of retain", _BUILD_AGAIN)
    built_for = int(name[1])
    if installed is None:
        return Finding(what, Status.ABSENT, f"built for TensorRT {built_for}, which is not installed")
    # A file name without a number tells no release.
    if installed[:1] not in {(), (built_for,)}:
        expected = f"an engine for TensorRT {installed[0]}"
        return Finding(what, Status.WARN, f"built for TensorRT {built_for}", expected, _BUILD_AGAIN)
    return Finding(what, Status.OK, f"built for TensorRT {built_for}")


def _cuda(machine: Machine) -> Finding:
    driver = re.search(r"Kernel Module.*?\s(\d+\.[\d.]+)", machine.text("/proc/driver/nvidia/version") or "")
    toolkit = re.search(r'"cuda"\s*:\s*\{[^}]*"version"\s*:\s*"([\d.]+)"', _cuda_file(machine))
    parts = [
        f"{name} {match[1]}" for name, match in (("toolkit", toolkit), ("driver", driver)) if match is not None
    ]  # fmt: skip
    if not parts:
        return Finding("CUDA", Status.ABSENT, "neither a toolkit in /usr/local/cuda nor NVIDIA's kernel driver")
    return Finding("CUDA", Status.OK, ", ".join(parts))


def _cuda_file(machine: Machine) -> str:
    return machine.text("/usr/local/cuda/version.json") or ""


def _mujoco(machine: Machine) -> Finding:
    version = machine.version("mujoco")
    if version is None:
        return Finding("MuJoCo", Status.ABSENT, "not installed; only the simulated robot needs it")
    if version != _SUPPORTED_MUJOCO:
        mend = "pip install 'retain-vla[sim]'"
        return Finding("MuJoCo", Status.WARN, version, f"{_SUPPORTED_MUJOCO} for the simulated robot", mend)
    return Finding("MuJoCo", Status.OK, version, _SUPPORTED_MUJOCO)


def _realsense(machine: Machine) -> list[Finding]:
    version = machine.version("pyrealsense2")
    native = _library(machine, "librealsense2.so")
    if version is None and native is None:
        return [
            Finding("RealSense", Status.ABSENT, "neither pyrealsense2 nor librealsense2.so; only its cameras need it")
        ]
    found = f"pyrealsense2 {version}" if version else f"librealsense2 {native}"
    lines = [Finding("RealSense", Status.OK, found)]
    if version is not None and _library(machine, "libusb-1.0.so") is None:
        # The wheel has everything but this one.
        lines.append(Finding("libusb", Status.BAD, "no libusb-1.0.so.0", "libusb 1.0", "sudo apt install libusb-1.0-0"))
    return lines


def _library(machine: Machine, name: str) -> str | None:
    """The longest version that a shared library's file names tell, or None without such a file."""
    paths = [path for folder in _LIBRARY_FOLDERS for path in machine.glob(f"{folder}/{name}*")]
    versions = [path.rpartition(f"{name}")[2].lstrip(".") for path in paths]
    return max(versions, key=lambda version: (version.count("."), version)) or name if versions else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(word) for word in re.findall(r"\d+", version))
