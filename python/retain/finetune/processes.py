"""One process, or several on the GPUs of one or more machines, which `accelerate` starts and keeps together.

    accelerate launch --num_processes 4 -m retain.cli finetune BASE --data DEMOS -o OUT

Every process runs the same command; the first one writes.
"""

import os
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from retain.errors import TrainingError, require
from retain.finetune.launched import launched


class Processes(Protocol):
    """The processes that train together, seen from one of them.

    Attributes:
        rank: Number of this one; 0 writes.
        count: How many there are.
        device: Where this one computes.
        sharded: Whether each holds only a part of every weight (FSDP).
    """

    rank: int
    count: int
    device: torch.device
    sharded: bool

    def prepare(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[nn.Module, torch.optim.Optimizer]:
        """The module with gradients that are averaged over all processes; its weights may be sharded in place."""
        ...

    def apart(self, module: nn.Module) -> AbstractContextManager[object]:
        """Within it, backward passes keep their gradients to themselves."""
        ...

    def mean(self, values: Tensor) -> Tensor:
        """The mean over all processes."""
        ...

    def wait(self) -> None:
        """Until every process has come here."""
        ...


class Alone:
    """A single process."""

    rank, count, sharded = 0, 1, False

    def __init__(self, device: str) -> None:
        self.device = torch.device(device)

    def prepare(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[nn.Module, torch.optim.Optimizer]:
        """See `Processes`."""
        return module, optimizer

    def apart(self, module: nn.Module) -> AbstractContextManager[object]:
        """See `Processes`."""
        return nullcontext()

    def mean(self, values: Tensor) -> Tensor:
        """See `Processes`."""
        return values

    def wait(self) -> None:
        """See `Processes`."""


class Accelerated:
    """One of several processes that `accelerate launch` (or torchrun) started: data parallel, or sharded (FSDP2).

    Args:
        device: cpu, or cuda for the GPU of this process's local rank.

    Raises:
        TrainingError: accelerate was told to do what does not work here.
        MissingExtraError: accelerate is not installed.
    """

    def __init__(self, device: str) -> None:
        accelerate = require("accelerate", extra="multi")
        if os.environ.get("ACCELERATE_MIXED_PRECISION", "no") not in ("no", "bf16"):
            raise TrainingError(
                f"accelerate was given mixed precision {os.environ['ACCELERATE_MIXED_PRECISION']}; leave that to"
                " retain finetune --precision bf16"
            )
        # Policies store tensors that their loss does not read, such as a language model's head. (A static graph would
        # do too and save a walk through it, but fails where gradients are accumulated.)
        unread = accelerate.DistributedDataParallelKwargs(find_unused_parameters=True)
        # Precision is the objective's, the same for one process and for several.
        self._accelerator: Any = accelerate.Accelerator(
            cpu=device == "cpu", mixed_precision="no", kwargs_handlers=[unread]
        )
        kind = str(self._accelerator.distributed_type.value)
        self.sharded = kind == "FSDP"
        if self.sharded and not self._accelerator.is_fsdp2:
            raise TrainingError("FSDP 1 flattens the weights and loses their names; give accelerate --fsdp_version 2")
        if not self.sharded and not kind.startswith("MULTI_"):
            raise TrainingError(f"accelerate was told to use {kind}; expected data parallel or FSDP 2 processes")
        self.rank = int(self._accelerator.process_index)
        self.count = int(self._accelerator.num_processes)
        self.device = torch.device(self._accelerator.device)

    def prepare(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[nn.Module, torch.optim.Optimizer]:
        """See `Processes`."""
        if self.sharded:
            # Every process has loaded the weights itself; broadcasting them cannot handle buffers.
            self._accelerator.state.fsdp_plugin.cpu_ram_efficient_loading = False
        prepared, wrapped = self._accelerator.prepare(module, optimizer)
        return prepared, wrapped.optimizer

    def apart(self, module: nn.Module) -> AbstractContextManager[object]:
        """See `Processes`."""
        context: AbstractContextManager[object] = self._accelerator.no_sync(module)
        return context

    def mean(self, values: Tensor) -> Tensor:
        """See `Processes`."""
        reduced: Tensor = self._accelerator.reduce(values, "mean")
        return reduced

    def wait(self) -> None:
        """See `Processes`."""
        self._accelerator.wait_for_everyone()


def join_processes(device: str) -> Processes:
    """This process alone, or with those that it was started with.

    Raises:
        TrainingError: There is no such device here, or accelerate was told to do what does not work here.
        MissingExtraError: There are several, and accelerate is not installed.
    """
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise TrainingError(
            f"--device {device} does not work here ({str(error).splitlines()[0]}); give cpu, or look at `nvidia-smi`"
            " and at what torch was built for"
        ) from error
    return Accelerated(device) if launched() > 1 else Alone(device)


def whole(tensor: Tensor) -> Tensor:
    """All of a tensor of which every process may hold a part; all processes have to call this."""
    full = getattr(tensor, "full_tensor", None)
    result: Tensor = tensor if full is None else full()
    return result


@torch.no_grad()
def put(value: Tensor, into: Tensor) -> None:
    """Copy all of a tensor into one of which this process may hold a part."""
    mesh = getattr(into, "device_mesh", None)
    if mesh is None:
        into.copy_(value)
        return
    tensors = require("torch.distributed.tensor", extra="train")
    into.copy_(tensors.distribute_tensor(value.to(into.device), mesh, into.placements))  # type: ignore[attr-defined]
