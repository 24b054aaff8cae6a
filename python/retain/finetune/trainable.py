"""What of a policy is trained: all of it, some of its parts, or low-rank adapters that are folded in again."""

from copy import deepcopy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from retain.errors import TrainingError, require
from retain.finetune.configuration import TrainingConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

    from retain.policy.base import Policy


def restrict(policy: "Policy", config: TrainingConfig) -> None:
    """Freeze what is not to be trained, or put adapters beside the linear layers, in place.

    Adapters begin with B = 0, so the network computes what it did; A is drawn from the run's seed.

    Raises:
        TrainingError: A part to freeze does not exist, or nothing would be left to train.
        MissingExtraError: Adapters are asked for and peft is not installed.
    """
    if config.lora_rank:
        peft = require("peft", extra="lora")
        linear = [name for name, module in policy.named_modules() if isinstance(module, nn.Linear)]
        adapters = peft.LoraConfig(r=config.lora_rank, lora_alpha=config.lora_alpha, target_modules=linear)
        for parameter in policy.parameters():
            parameter.requires_grad_(False)
        torch.manual_seed(config.seed)
        peft.inject_adapter_in_model(adapters, policy)
        return
    parts = dict(policy.named_children())
    for name in config.freeze:
        if name not in parts:
            raise TrainingError(f"the policy has no part {name!r} to freeze; its parts: {', '.join(parts)}")
        parts[name].requires_grad_(False)
    if not trained(policy):
        raise TrainingError(f"freezing {', '.join(config.freeze)} leaves nothing to train; leave one out")


def trained(policy: "Policy") -> dict[str, nn.Parameter]:
    """The parameters that training changes, by name."""
    return {name: parameter for name, parameter in policy.named_parameters() if parameter.requires_grad}


def finished(policy: "Policy", weights: "Mapping[str, Tensor]") -> "Policy":
    """A copy of the policy with these weights and no adapters, in eval mode: W + s B A, computed once, in float32."""
    done = deepcopy(policy)
    done.load_state_dict(weights)
    adapted = [(name, module) for name, module in done.named_modules() if hasattr(module, "lora_A")]
    for name, module in adapted:
        module.merge()
        done.set_submodule(name, module.get_base_layer())
    return done.requires_grad_(True).eval()
