"""The state that `--resume` continues from: one safetensors file, replaced as a whole.

It holds the weights, their mean and AdamW's moments; the step is in its metadata. Batches and noise are functions of
(seed, step), so there is no generator to save, and a run that was killed continues bit for bit.
"""

import os
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from retain.errors import TrainingError
from retain.finetune.ema import WeightAverage
from retain.finetune.trainable import trained
from retain.policy.base import Policy

FILE = "resume.safetensors"
MOMENTS = ("exp_avg", "exp_avg_sq")


def save_state(folder: Path, step: int, policy: Policy, mean: WeightAverage, optimizer: torch.optim.AdamW) -> None:
    """Write the state after `step` steps, atomically."""
    tensors: dict[str, Tensor] = {f"weights.{name}": tensor for name, tensor in policy.state_dict().items()}
    tensors |= {f"mean.{name}": tensor for name, tensor in mean.tensors.items()}
    for name, parameter in trained(policy).items():
        for moment in MOMENTS:
            tensors[f"{moment}.{name}"] = optimizer.state[parameter][moment]
    partial = folder / f".{FILE}.partial"
    cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    save_file(cpu, partial, metadata={"step": str(step)})
    with partial.open("rb") as stream:
        os.fsync(stream.fileno())
    partial.replace(folder / FILE)


def load_state(folder: Path, policy: Policy, mean: WeightAverage, optimizer: torch.optim.AdamW) -> int:
    """Put a saved state into the network, the mean and the optimizer.

    Returns:
        How many steps were done.

    Raises:
        TrainingError: The file is missing or is of another network.
    """
    path = folder / FILE
    try:
        with safe_open(path, framework="pt") as file:
            step = int(file.metadata()["step"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise TrainingError(f"{path} holds no state to resume from ({error}); start again with --force") from error
    try:
        policy.load_state_dict({name: tensors[f"weights.{name}"] for name in policy.state_dict()})
        for name, tensor in mean.tensors.items():
            tensor.copy_(tensors[f"mean.{name}"])
        for name, parameter in trained(policy).items():
            state: dict[str, Tensor] = {m: tensors[f"{m}.{name}"].to(parameter.device) for m in MOMENTS}
            optimizer.state[parameter] = {"step": torch.tensor(float(step)), **state}
    except (KeyError, RuntimeError) as error:
        raise TrainingError(f"{path} is of another network ({error}); start again with --force") from error
    return step
