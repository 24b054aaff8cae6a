"""The state that `--resume` continues from: one safetensors file, replaced as a whole.

It holds what is trained, its mean and AdamW's moments; the step is in its metadata. Batches and noise are functions of
(seed, step), so there is no generator to save, and a run that was killed continues bit for bit. What is frozen is not
saved: it comes from the base again, and a checksum tells whether the base is still the same.
"""

import os
import zlib
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from retain.errors import TrainingError
from retain.finetune.ema import WeightAverage
from retain.finetune.processes import Processes, put, whole
from retain.finetune.trainable import trained
from retain.policy.base import Policy

FILE = "resume.safetensors"
MOMENTS = ("exp_avg", "exp_avg_sq")


def save_state(
    folder: Path,
    step: int,
    policy: Policy,
    mean: WeightAverage,
    optimizer: torch.optim.Optimizer,
    *,
    frozen: str,
    processes: Processes,
) -> None:
    """Write the state after `step` steps, atomically.

    Args:
        folder: Where.
        step: Steps done.
        policy: Gives the weights.
        mean: Their mean.
        optimizer: AdamW.
        frozen: From `checksum`.
        processes: All of them have to call this; the first one writes.
    """
    tensors: dict[str, Tensor] = {}

    def take(name: str, tensor: Tensor) -> None:
        everything = whole(tensor.detach())
        if processes.rank == 0:
            tensors[name] = everything.cpu().contiguous()

    for name, parameter in trained(policy).items():
        take(f"weights.{name}", parameter)
        take(f"mean.{name}", mean.tensors[name])
        # The loss may never have read a weight: then it has no moments either.
        for moment in MOMENTS if optimizer.state.get(parameter) else ():
            take(f"{moment}.{name}", optimizer.state[parameter][moment])
    if processes.rank:
        return
    partial = folder / f".{FILE}.partial"
    save_file(tensors, partial, metadata={"step": str(step), "frozen": frozen})
    with partial.open("rb") as stream:
        os.fsync(stream.fileno())
    partial.replace(folder / FILE)


def load_state(
    folder: Path, policy: Policy, mean: WeightAverage, optimizer: torch.optim.Optimizer, *, frozen: str
) -> int:
    """Put a saved state into the network, the mean and the optimizer.

    Returns:
        How many steps were done.

    Raises:
        TrainingError: The file is missing or is of another network.
    """
    path = folder / FILE
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            step, before = int(metadata["step"]), metadata.get("frozen", frozen)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise TrainingError(f"{path} holds no state to resume from ({error}); start again with --force") from error
    if before != frozen:
        raise TrainingError(
            f"the frozen weights of the base are not those that {path} began with; bring that base back"
        )
    try:
        for name, parameter in trained(policy).items():
            put(tensors[f"weights.{name}"], parameter)
            put(tensors[f"mean.{name}"], mean.tensors[name])
            if f"{MOMENTS[0]}.{name}" in tensors:
                state = {moment: torch.zeros_like(parameter) for moment in MOMENTS}
                for moment, value in state.items():
                    put(tensors[f"{moment}.{name}"], value)
                optimizer.state[parameter] = {"step": torch.tensor(float(step)), **state}
    except (KeyError, RuntimeError) as error:
        raise TrainingError(f"{path} is of another network ({error}); start again with --force") from error
    return step


def checksum(policy: Policy) -> str:
    """CRC-32 of what is not trained, in hexadecimal digits; the policy must not be sharded yet."""
    learned, value = trained(policy), 0
    for name, tensor in policy.state_dict().items():
        if name not in learned:
            value = zlib.crc32(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy(), value)
    return f"{value:08x}"
