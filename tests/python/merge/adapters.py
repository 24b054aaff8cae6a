"""PEFT adapter directories, made in code."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from .policies import Array, Weights, write_weights


def write_adapter(
    directory: Path,
    targets: dict[str, tuple[int, int]],
    *,
    rank: int = 4,
    alpha: float = 8.0,
    dtype: str = "F32",
    saved: Weights | None = None,
    seed: int = 0,
    config: dict[str, Any] | None = None,
) -> dict[str, Array]:
    """A LoRA adapter as PEFT saves it.

    Args:
        directory: To make.
        targets: (rows, columns) of each adapted weight, by its module's path.
        rank: Of all adapters.
        alpha: lora_alpha.
        dtype: Of the tensors.
        saved: modules_to_save: full tensors, by name.
        seed: Of the values.
        config: More keys of adapter_config.json.

    Returns:
        ΔW by name of the weight.
    """
    from .policies import read_weights

    random = np.random.default_rng(seed)
    tensors: dict[str, Array] = {}
    for path, (rows, columns) in targets.items():
        tensors[f"base_model.model.{path}.lora_A.weight"] = 0.1 * random.standard_normal((rank, columns))
        tensors[f"base_model.model.{path}.lora_B.weight"] = 0.1 * random.standard_normal((rows, rank))
    for name, values in (saved or {}).items():
        tensors[f"base_model.model.{name}"] = values
    directory.mkdir()
    write_weights(directory / "adapter_model.safetensors", tensors, dtype)
    made = {"peft_type": "LORA", "r": rank, "lora_alpha": alpha, "target_modules": [*targets], "bias": "none"}
    (directory / "adapter_config.json").write_text(json.dumps({**made, **(config or {})}))
    stored = read_weights(directory / "adapter_model.safetensors")
    return {
        f"{path}.weight": (alpha / rank)
        * (stored[f"base_model.model.{path}.lora_B.weight"] @ stored[f"base_model.model.{path}.lora_A.weight"])
        for path in targets
    }
