"""The real tensor lists of policies, from instantiated models: every name, dtype and shape, without the numbers.

`tensors/*.json` has a line [name, dtype, shape] per tensor, or [name, dtype, shape, n] where `*` in the name stands for
0 to n-1. LeRobot 0.4.4 (ACT, Diffusion Policy, SmolVLA, GR00T N1.5's head), LeRobot 0.6.2 (π0, π0.5, π0-FAST, GR00T
N1.7 and N1.6's head), transformers (the backbones of GR00T N1.5 and N1.6, put together as NVIDIA's code does), openpi's
converter (the JAX names), OpenVLA-OFT's model code (OpenVLA).
"""

import json
from pathlib import Path

Tensor = tuple[str, tuple[int, ...]]
"""dtype as safetensors names it, and shape."""

_FOLDER = Path(__file__).parent / "tensors"
TENSOR_LISTS = sorted(file.stem for file in _FOLDER.glob("*.json"))


def read_tensor_list(name: str) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for template, dtype, shape, *count in json.loads((_FOLDER / f"{name}.json").read_text()):
        for number in range(count[0] if count else 1):
            tensors[template.replace("*", str(number)) if count else template] = (dtype, tuple(shape))
    return tensors


def read_shapes(name: str) -> dict[str, tuple[int, ...]]:
    return {tensor: shape for tensor, (_, shape) in read_tensor_list(name).items()}
