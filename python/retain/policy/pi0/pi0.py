"""π0 (arXiv 2410.24164): the state is a token of its own, flow time is mixed into every row."""

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from retain.errors import PolicyError
from retain.policy.base import Context
from retain.policy.pi0.configuration import Pi0Config
from retain.policy.pi0.model import PiPolicy
from retain.policy.pi0.network import PiNetwork
from retain.policy.spec import PolicySpec
from retain.policy.vlm.flow_time import embed_flow_time


class Pi0Network(PiNetwork):
    """The network under LeRobot's names.

    Args:
        config: The sizes.
        horizon: H, rows per chunk.
    """

    def __init__(self, config: Pi0Config, horizon: int) -> None:
        super().__init__(config, horizon, leading=1)
        width = config.expert.width
        self.state_proj = nn.Linear(config.state_width, width)
        self.action_time_mlp_in = nn.Linear(2 * width, width)
        self.action_time_mlp_out = nn.Linear(width, width)


class Pi0Policy(PiPolicy):
    """π0.

    Args:
        spec: What it sees and says.
        config: The sizes, of the family `pi0`.
        tokenizer: PaliGemma's, or another whose ids are below `config.vocabulary`.

    Raises:
        PolicyError: Spec and sizes do not fit each other.
    """

    model: Pi0Network

    def __init__(self, spec: PolicySpec, config: Pi0Config, tokenizer: Tokenizer) -> None:
        if config.family != "pi0":
            raise PolicyError(f"these are the sizes of {config.family}, expected pi0")
        super().__init__(spec, config, tokenizer, Pi0Network(config, spec.horizon))
        if len(spec.state) > config.state_width:
            raise PolicyError(f"{len(spec.state)} channels of state do not fit into the network's {config.state_width}")

    def prefix(self, images: list[Tensor], tokens: Tensor, mask: Tensor, state: Tensor) -> dict[str, Tensor]:
        """See `PiNetwork.read`; and `state_token`, float32 (B, 1, width), the same for a whole chunk."""
        network = self.model
        padded = functional.pad(state, (0, self.config.state_width - state.shape[1]))
        return {**network.read(images, tokens, mask), "state_token": network.state_proj(padded)[:, None].float()}

    def step(self, x: Tensor, t: Tensor, context: Context) -> Tensor:
        """See `Policy.step`."""
        network, config = self.model, self.config
        # The weights' own time runs from action (0) to noise (1), and so does their velocity.
        time = embed_flow_time(1 - t, config.expert.width, config.min_period, config.max_period)
        rows = torch.cat([network.action_in_proj(x), time], -1)
        rows = network.action_time_mlp_out(functional.silu(network.action_time_mlp_in(rows)))
        return -network.velocity(torch.cat([context["state_token"].to(rows.dtype), rows], 1), context)
