"""Low-rank adapters (LoRA, arXiv 2106.09685) through `peft`: put beside linear layers, folded in at the end.

Which layers, by family, are the defaults of LeRobot's own finetuning (`_get_default_peft_targets` of its SmolVLA, π0
and π0.5): queries and values of the action expert, and what carries state, action and time in and out. Families without
such a default get them beside every linear layer.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from retain.errors import TrainingError, require
from retain.finetune.configuration import TrainingConfig

if TYPE_CHECKING:
    from retain.policy.base import Policy

_IN_AND_OUT = r"(?:state_proj|action_in_proj|action_out_proj|(?:action_)?time_mlp_(?:in|out))"

TARGETS: Mapping[str, str] = {
    "smolvla": rf"model\.vlm_with_expert\.lm_expert\..*\.[qv]_proj|model\.{_IN_AND_OUT}",
    "pi0": rf".*\.gemma_expert\..*\.self_attn\.[qv]_proj|model\.{_IN_AND_OUT}",
    "pi05": rf".*\.gemma_expert\..*\.self_attn\.[qv]_proj|model\.{_IN_AND_OUT}",
}
"""Family → regular expression of the full names of the layers that get adapters."""


def add_adapters(policy: "Policy", config: TrainingConfig) -> None:
    """Freeze the policy and put adapters beside linear layers, in place.

    Adapters begin with B = 0, so the network computes what it did; A is drawn from the run's seed.

    Raises:
        TrainingError: The targets are not a regular expression, or match no linear layer.
        MissingExtraError: peft is not installed.
    """
    peft = require("peft", extra="lora")
    layers = [name for name, module in policy.named_modules() if isinstance(module, nn.Linear)]
    targets = config.lora_targets or TARGETS.get(policy.spec.family, ".*")
    try:
        chosen = [name for name in layers if re.fullmatch(targets, name)]
    except re.error as error:
        raise TrainingError(f"--lora-targets {targets} is not a regular expression: {error}") from error
    if not chosen:
        raise TrainingError(
            f"--lora-targets {targets} matches the full name of none of the {len(layers)} linear layers, such as"
            f" {layers[0]}"
        )
    adapters = peft.LoraConfig(r=config.lora_rank, lora_alpha=config.lora_alpha, target_modules=chosen)
    policy.requires_grad_(False)
    torch.manual_seed(config.seed)
    peft.inject_adapter_in_model(adapters, policy)


@torch.no_grad()
def fold_adapters(policy: "Policy") -> None:
    """Replace every adapted layer by a plain one with W + s B A, computed once, in float32, in place."""
    adapted = [(name, module) for name, module in policy.named_modules() if hasattr(module, "lora_A")]
    for name, module in adapted:
        module.merge()
        policy.set_submodule(name, module.get_base_layer())


def plain_name(name: str) -> str | None:
    """The policy's own name of a tensor of an adapted policy; None for a tensor of an adapter."""
    return None if ".lora_" in name else name.replace(".base_layer.", ".")


def weights_of(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The policy's own tensors of an adapted policy, by their own names."""
    named = ((plain_name(name), tensor) for name, tensor in tensors.items())
    return {name: tensor for name, tensor in named if name is not None}
