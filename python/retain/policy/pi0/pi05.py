"""π0.5 (arXiv 2504.16054): the state is read as words, flow time conditions the expert's norms, row by row."""

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from retain.errors import PolicyError
from retain.policy.base import Context
from retain.policy.pi0.configuration import Pi0Config
from retain.policy.pi0.model import PiPolicy
from retain.policy.pi0.network import PiNetwork
from retain.policy.pi0.state_text import HIGHEST, LOWEST, StateText
from retain.policy.spec import PolicySpec
from retain.policy.vlm.flow_time import embed_flow_time


class Pi05Network(PiNetwork):
    """The network under LeRobot's names.

    Args:
        config: The sizes.
        horizon: H, rows per chunk.
    """

    def __init__(self, config: Pi0Config, horizon: int) -> None:
        super().__init__(config, horizon, leading=0)
        width = config.expert.width
        self.time_mlp_in = nn.Linear(width, width)
        self.time_mlp_out = nn.Linear(width, width)


class Pi05Policy(PiPolicy):
    """π0.5.

    Args:
        spec: What it sees and says.
        config: The sizes, of the family `pi05`.
        tokenizer: PaliGemma's, or another in which every digit is a token of its own; see `state_text`.

    Raises:
        PolicyError: Spec, sizes and tokenizer do not fit each other.
    """

    model: Pi05Network

    def __init__(self, spec: PolicySpec, config: Pi0Config, tokenizer: Tokenizer) -> None:
        if config.family != "pi05":
            raise PolicyError(f"these are the sizes of {config.family}, expected pi05")
        super().__init__(spec, config, tokenizer, Pi05Network(config, spec.horizon))
        self.text = StateText.of(tokenizer)

    def prefix(self, images: list[Tensor], tokens: Tensor, mask: Tensor, state: Tensor) -> dict[str, Tensor]:
        """See `PiNetwork.read`; tokens are the instruction's, and the state's words are put behind them."""
        spelled, known = spell_state(state, self.text)
        return self.model.read(images, torch.cat([tokens, spelled], 1), torch.cat([mask, known], 1))

    def step(self, x: Tensor, t: Tensor, context: Context) -> Tensor:
        """See `Policy.step`."""
        network, config = self.model, self.config
        # The weights' own time runs from action (0) to noise (1), and so does their velocity.
        time = embed_flow_time(1 - t, config.expert.width, config.min_period, config.max_period)
        condition = functional.silu(network.time_mlp_out(functional.silu(network.time_mlp_in(time))))
        return -network.velocity(network.action_in_proj(x), context, condition)


def number_state(state: Tensor) -> Tensor:
    """Normalized values to the whole numbers that stand for them, -1 to 255, 128 to the unit; float32 as `state`."""
    # A product with a power of two is exact, so that the limits are exactly those of the sources' float64.
    return ((state.float() * 128).floor() + 128).clamp(LOWEST, HIGHEST)


def spell_state(state: Tensor, text: StateText) -> tuple[Tensor, Tensor]:
    """The words behind the instruction.

    Every number has the same places, whether it needs them or not: tokens that are masked take no position and are seen
    by nobody, so that holes cost nothing but their places, and shapes are static.

    Args:
        state: float32 (B, S), normalized.
        text: The tokenizer's ids.

    Returns:
        Ids int64 and mask bool, both (B, S columns + what follows).
    """
    number = number_state(state)[..., None]
    # A half more keeps the quotient of whole numbers away from where rounding could tip it.
    place = torch.tensor([100.0, 10.0, 1.0], device=state.device)
    quotient = ((number + 0.5) / place).floor()
    digits = (quotient - 10 * functional.pad(quotient[..., :2], (1, 0))).clamp(0, 9).long()
    spelled = torch.tensor(text.digits, device=state.device)[digits]
    space = torch.tensor(text.space, device=state.device).expand(*state.shape, -1)
    missing = text.columns - len(text.space) - 3
    ids = functional.pad(torch.cat([space, spelled], -1), (0, missing))
    needed = torch.cat([torch.ones_like(space, dtype=torch.bool), (number >= place) | (place == 1)], -1)
    needed = functional.pad(needed, (0, missing))
    below = torch.tensor([*text.below, *[0] * (text.columns - len(text.below))], device=state.device)
    spells_below = torch.arange(text.columns, device=state.device) < len(text.below)
    negative = number < 0
    ids = torch.where(negative, below, ids)
    known = (negative & spells_below) | (~negative & needed)
    action = torch.tensor(text.action, device=state.device).expand(len(state), -1)
    seen = torch.ones_like(action, dtype=torch.bool)
    return torch.cat([ids.flatten(1), action], 1), torch.cat([known.flatten(1), seen], 1)
