"""Small policies, made in code: weights in any dtype, LeRobot's layout, statistics in processor files."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Weights = Mapping[str, Array]

NUMPY = {"F16": np.dtype("<f2"), "F32": np.dtype("<f4"), "F64": np.dtype("<f8"), "I64": np.dtype("<i8")}


def to_bf16(values: Array) -> Array:
    """float32 → the upper 16 bits, to nearest even; finite values only."""
    bits = values.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def from_bf16(words: Array) -> Array:
    return (words.astype(np.uint32) << 16).view(np.float32)


def encode(values: Array, dtype: str) -> bytes:
    stored = to_bf16(values) if dtype == "BF16" else values.astype(NUMPY[dtype])
    return stored.tobytes()


def write_weights(path: Path, weights: Weights, dtype: str = "F32", metadata: Mapping[str, str] | None = None) -> None:
    """A safetensors file, written by the format's description; integers stay I64."""
    entries: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    data = b""
    for name, values in weights.items():
        stored = "I64" if values.dtype.kind == "i" else dtype
        raw = encode(values, stored)
        entries[name] = {
            "dtype": stored,
            "shape": list(values.shape),
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    text = json.dumps(entries).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def read_weights(path: Path) -> dict[str, Array]:
    """Every tensor as float64 (integers as they are)."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    weights = {}
    for name, entry in json.loads(content[8:start]).items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        raw = content[start + begin : start + end]
        words = (
            from_bf16(np.frombuffer(raw, np.uint16))
            if entry["dtype"] == "BF16"
            else np.frombuffer(raw, NUMPY[entry["dtype"]])
        )
        weights[name] = (words if entry["dtype"] == "I64" else words.astype(np.float64)).reshape(entry["shape"])
    return weights


def weights(seed: int = 0, size: int = 40) -> dict[str, Array]:
    """Three components of two tensors each, a scalar, an empty tensor and an integer buffer."""
    random = np.random.default_rng(seed)
    made: dict[str, Array] = {
        f"{component}.layer{layer}.weight": 0.02 * random.standard_normal((size, 7))
        for component in ("vision", "language", "action")
        for layer in range(2)
    }
    made["action.scale"] = np.asarray(0.5)
    made["language.empty"] = np.zeros((0, 3))
    made["vision.positions"] = np.arange(5)
    return made


def finetuned(base: Weights, seed: int = 1, size: float = 1e-3) -> dict[str, Array]:
    """The base plus a small update; integers unchanged."""
    random = np.random.default_rng(seed)
    return {
        name: values if values.dtype.kind == "i" else values + size * random.standard_normal(values.shape)
        for name, values in base.items()
    }


STATISTICS = {
    "action.mean": np.array([0.1, -0.2]),
    "action.std": np.array([1.0, 2.0]),
    "action.count": np.array([100.0]),
}


def write_policy(
    directory: Path,
    made: Weights,
    dtype: str = "F32",
    *,
    config: Mapping[str, Any] | None = None,
    statistics: Weights | None = STATISTICS,
) -> Path:
    """A policy directory of the compact family."""
    directory.mkdir(parents=True)
    write_weights(directory / "model.safetensors", made, dtype, {"format": "pt"})
    (directory / "config.json").write_text(json.dumps({"type": "compact", **(config or {})}))
    (directory / "tokenizer.json").write_text('{"model": {"vocab": {"red": 0}}}')
    if statistics is not None:
        state = "policy_preprocessor_step_2_normalizer_processor.safetensors"
        write_weights(directory / state, statistics)
        step = {"registry_name": "normalizer_processor", "config": {}, "state_file": state}
        (directory / "policy_preprocessor.json").write_text(json.dumps({"name": "pre", "steps": [step]}))
    return directory


def write_pair(directory: Path, dtype: str = "F32", size: float = 1e-3) -> tuple[Path, Path]:
    """A base and a policy finetuned from it."""
    made = weights()
    base = write_policy(directory / "base", made, dtype)
    return base, write_policy(directory / "finetuned", finetuned(made, size=size), dtype)


def file_bytes(directory: Path) -> dict[str, bytes]:
    """Everything in a directory, to see that nothing changed."""
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}
