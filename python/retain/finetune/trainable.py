"""What of a policy is trained: all of it, some of its components, or low-rank adapters that are folded in again."""

from collections.abc import Mapping
from copy import deepcopy
from typing import TYPE_CHECKING

from torch import Tensor, nn

from retain.errors import TrainingError
from retain.finetune.adapters import add_adapters, fold_adapters
from retain.finetune.configuration import TrainingConfig
from retain.merge.families import detect_family
from retain.merge.partition import make_partition

if TYPE_CHECKING:
    from retain.policy.base import Policy

FROZEN: Mapping[str, tuple[str, ...]] = {"smolvla": ("vision", "language")}
"""Family → components that its own finetuning freezes: SmolVLA trains its action expert alone (arXiv 2506.01844, and
LeRobot's `freeze_vision_encoder` and `train_expert_only`); π0, π0.5 and ACT train everything."""


def restrict(policy: "Policy", config: TrainingConfig) -> None:
    """Freeze what is not to be trained, or put adapters beside linear layers, in place.

    Raises:
        TrainingError: A component to freeze does not exist, or nothing would be left to train.
        MissingExtraError: Adapters are asked for and peft is not installed.
    """
    if config.lora_rank:
        add_adapters(policy, config)
        return
    frozen = FROZEN.get(policy.spec.family, ()) if config.freeze is None else config.freeze
    if not frozen:
        return
    names = [name for name, _ in policy.named_parameters()]
    partition = make_partition(names, detect_family({"type": policy.spec.family}, names))
    for component in frozen:
        if component not in partition.components:
            parts = ", ".join(partition.components)
            raise TrainingError(f"the policy has no part {component!r} to freeze; its parts: {parts}")
    for name, parameter in policy.named_parameters():
        if partition.component_of[name] in frozen:
            parameter.requires_grad_(False)
    if not trained(policy):
        raise TrainingError(f"freezing {', '.join(frozen)} leaves nothing to train; leave one out")


def trained(policy: "Policy") -> dict[str, nn.Parameter]:
    """The parameters that training changes, by name."""
    return {name: parameter for name, parameter in policy.named_parameters() if parameter.requires_grad}


def finished(policy: "Policy", weights: Mapping[str, Tensor]) -> "Policy":
    """A copy of the policy with these weights instead of its own and no adapters, in eval mode.

    Args:
        policy: What was trained; it stays as it is.
        weights: By the names of its state dict; what is not among them stays as it is.
    """
    done = deepcopy(policy)
    done.load_state_dict({**done.state_dict(), **weights})
    fold_adapters(done)
    return done.requires_grad_(True).eval()
