"""What both policies do: prefix, step and the flow-matching loss, around a network in the family's own convention."""

from abc import abstractmethod
from collections.abc import Mapping

import torch
from tokenizers import Tokenizer
from torch import Tensor

from retain.errors import PolicyError
from retain.policy.base import Batch, Context, Policy
from retain.policy.pi0.configuration import Pi0Config
from retain.policy.pi0.names import TIED
from retain.policy.pi0.network import PiNetwork
from retain.policy.spec import PolicySpec
from retain.policy.vlm.flow_matching import draw_flow, flow_loss


class PiPolicy(Policy):
    """A policy of the π family.

    Cameras that LeRobot pads (`empty_cameras`) or openpi masks are left out: nobody sees them and they take no
    position, so that the numbers are the same, and a third of the prefix is saved.

    Args:
        spec: What it sees and says; `spec.flow.width` is the configuration's `action_width`.
        config: The sizes of the network.
        tokenizer: PaliGemma's, or another whose ids are below `config.vocabulary`.
        network: Built from the same configuration.

    Raises:
        PolicyError: Spec and configuration do not fit each other.
    """

    tied = TIED

    def __init__(self, spec: PolicySpec, config: Pi0Config, tokenizer: Tokenizer, network: PiNetwork) -> None:
        super().__init__(spec, tokenizer)
        if spec.family != config.family:
            raise PolicyError(f"the spec is of the family {spec.family}, the sizes are of {config.family}")
        if not spec.cameras:
            raise PolicyError(f"{spec.family} needs at least one camera, the spec has none")
        if spec.flow is None or spec.action_width != config.action_width:
            raise PolicyError(f"the flow's width is {spec.action_width}, expected the network's {config.action_width}")
        self.config = config
        self.model = network

    def architecture(self) -> Mapping[str, object]:
        """The sizes, as `Pi0Config.from_lerobot` reads them."""
        return self.config.architecture()

    def gradient_checkpointing(self, enabled: bool) -> None:
        """See `Policy.gradient_checkpointing`: the layers of the tower, the language model and the expert."""
        self.model.set_recompute(enabled)

    def loss(self, batch: Batch, generator: torch.Generator | None = None, *, insulate: bool = False) -> Tensor:
        """Flow matching, as in openpi, plus committed rows where `spec` has some.

        Rows beyond their episode's end count, as in openpi and LeRobot: they say to stay where it ended.

        Insulated, the backbone learns nothing: keys and values pass on no gradient (arXiv 2505.23705 without its
        second loss, which is openpi's `train_expert_only`).
        """
        context = self.prefix(batch.images, batch.tokens, batch.mask, batch.state)
        if insulate:
            context |= {name: context[name].detach() for name in ("keys", "values")}
        sample = draw_flow(
            batch.actions,
            self.config.action_width,
            max_delay=self.spec.max_trained_delay,
            delay_probability=self.delay_probability,
            generator=generator,
        )
        return flow_loss(self.step(sample.x, sample.t, context), sample)

    @abstractmethod
    def step(self, x: Tensor, t: Tensor, context: Context) -> Tensor:
        """See `Policy.step`."""
