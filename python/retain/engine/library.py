"""Where ONNX Runtime's shared library lies. Python's `onnxruntime` is never imported: only its file is used."""

import importlib.util
from pathlib import Path

from retain.errors import EngineError, MissingExtraError


def find_onnxruntime() -> Path:
    """The libonnxruntime.so of the installed `onnxruntime` or `onnxruntime-gpu` wheel.

    Raises:
        MissingExtraError: Neither is installed.
        EngineError: It is installed without the library (wheels older than 1.20).
    """
    spec = importlib.util.find_spec("onnxruntime")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError("onnxruntime", extra="cpu")
    folder = Path(spec.submodule_search_locations[0]) / "capi"
    libraries = sorted(folder.glob("libonnxruntime.so*"))
    if not libraries:
        raise EngineError(
            f"{folder} has no libonnxruntime.so, as wheels have from 1.20 on; run: pip install -U 'retain-vla[cpu]'"
        )
    return libraries[-1]
