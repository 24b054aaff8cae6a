"""SmolVLA, put together: prefix, step and the flow-matching loss, in retain's flow time (0 noise, 1 action)."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from retain.errors import PolicyError
from retain.policy.base import Batch, Context, Policy
from retain.policy.smolvla.backbone import Backbone
from retain.policy.smolvla.configuration import SmolVLAConfig
from retain.policy.smolvla.expert import WAVELENGTH, ActionExpert
from retain.policy.spec import PolicySpec
from retain.policy.vlm.flow_matching import draw_flow, flow_loss
from retain.policy.vlm.flow_time import embed_flow_time
from retain.policy.vlm.frames import fit_frames
from retain.policy.vlm.rotary import rotation

IMAGE_START = ("<fake_token_around_image>", "<global-img>")
IMAGE_END = ("<fake_token_around_image>",)


class SmolVLAPolicy(Policy):
    """LeRobot's SmolVLA, tensor by tensor.

    Args:
        spec: What it sees and says; its flow is `config.max_action_dim` wide.
        config: The sizes of the network.
        tokenizer: The backbone's.

    Raises:
        PolicyError: Spec, sizes and tokenizer do not fit each other.
        MissingExtraError: transformers is not installed.
    """

    def __init__(self, spec: PolicySpec, config: SmolVLAConfig, tokenizer: Tokenizer) -> None:
        super().__init__(spec, tokenizer)
        if spec.flow is None or spec.action_width != config.max_action_dim:
            raise PolicyError(
                f"the policy's spec integrates {spec.action_width if spec.flow else 'no'} columns, expected"
                f" max_action_dim, {config.max_action_dim}"
            )
        if len(spec.state) > config.max_state_dim:
            raise PolicyError(f"{len(spec.state)} state channels do not fit into max_state_dim {config.max_state_dim}")
        self.config = config
        self.model = _Network(config)
        words = self.model.backbone.words.num_embeddings
        if tokenizer.get_vocab_size() > words:
            raise PolicyError(
                f"the tokenizer has {tokenizer.get_vocab_size()} tokens, the network {words} word vectors"
            )
        around = (IMAGE_START, IMAGE_END) if config.add_image_special_tokens else ((), ())
        self.image_start, self.image_end = ([_token(tokenizer, name) for name in names] for names in around)

    def architecture(self) -> Mapping[str, object]:
        """LeRobot's `config.json` with the backbone's configuration under `vlm_config`."""
        return self.config.to_lerobot()

    def gradient_checkpointing(self, enabled: bool) -> None:
        """See `Policy.gradient_checkpointing`: the layers of the tower, the text model and the expert."""
        self.model.backbone.recompute = self.model.expert.recompute = enabled

    def prefix(self, images: list[Tensor], tokens: Tensor, mask: Tensor, state: Tensor) -> dict[str, Tensor]:
        """See `Policy.prefix`.

        Returns:
            kv: float32 (L, 2, B, kv_heads, N, head_dim), what each of the expert's layers reads: the backbone's rotated
            keys and values, in layers of cross-attention already through the expert's projections.
            kv_mask: bool (B, N), True where the prefix (every camera's tokens, words, state) is not padding.
        """
        return self._read(images, tokens, mask, state, insulate=False)

    def _read(
        self, images: list[Tensor], tokens: Tensor, mask: Tensor, state: Tensor, *, insulate: bool
    ) -> dict[str, Tensor]:
        model, batch = self.model, state.shape[0]
        x, known = self._embed(images, tokens, mask, state)
        length = x.shape[1]
        line = torch.arange(length, device=x.device)
        # The state is last and sees all; nobody sees the state, so that images and words mean the same in every pose.
        sees = (line[None] < length - 1) | (line[:, None] == length - 1)
        # Padding takes no position. Counted in float32: TensorRT sums no integers along an axis.
        positions = rotation(known.float().cumsum(1) - 1, model.expert.head_dim, WAVELENGTH)
        allowed = known[:, None].expand(batch, length, length) & sees
        caches = model.backbone.read(x, allowed, positions, model.expert.beside[-1] + 1)
        if insulate:
            caches = [(keys.detach(), values.detach()) for keys, values in caches]
        return {"kv": model.expert.remember(caches), "kv_mask": known}

    def _embed(self, images: list[Tensor], tokens: Tensor, mask: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """The prefix as the backbone takes it, (B, N, width), and where it is not padding, bool (B, N)."""
        backbone, batch, size = self.model.backbone, state.shape[0], self.config.image_size
        scale = math.sqrt(backbone.width)
        # All cameras in one pass of the tower.
        seen = backbone.see(torch.cat([fit_frames(frames, size, size, centred=False) for frames in images])) * scale
        start, end = ([self._word(index, batch) for index in ids] for ids in (self.image_start, self.image_end))
        parts = []
        for tokens_of_camera in seen.split(batch):
            parts += [*start, tokens_of_camera, *end]
        parts += [*start, *end] * self.config.empty_cameras
        sight = torch.cat(parts, 1)
        words = backbone.words(tokens) * scale
        padded = functional.pad(state, (0, self.config.max_state_dim - state.shape[1])).to(words.dtype)
        x = torch.cat([sight, words, self.model.state_proj(padded)[:, None]], 1)
        always = torch.ones(batch, sight.shape[1], dtype=torch.bool, device=mask.device)
        return x, torch.cat([always, mask, always[:, :1]], 1)

    def _word(self, index: int, batch: int) -> Tensor:
        """One token's vector, not scaled, (B, 1, width)."""
        backbone = self.model.backbone
        vector: Tensor = backbone.words(torch.full((batch, 1), index, device=self.device))
        return vector

    def step(self, x: Tensor, t: Tensor, context: Context) -> Tensor:
        """See `Policy.step`; LeRobot's time runs the other way, and its velocity is noise - action."""
        model, config = self.model, self.config
        rows = model.action_in_proj(x.to(model.action_in_proj.weight.dtype))
        time = embed_flow_time(1 - t, model.expert.width, config.min_period, config.max_period)
        rows = model.action_time_mlp_in(torch.cat([rows, time.to(rows.dtype)], -1))
        rows = model.action_time_mlp_out(functional.silu(rows))
        rows = model.expert(rows, context["kv"], context["kv_mask"])
        velocity: Tensor = -model.action_out_proj(rows).float()
        return velocity

    def loss(self, batch: Batch, generator: torch.Generator | None = None, *, insulate: bool = False) -> Tensor:
        """LeRobot's flow matching, see `retain.policy.vlm.flow_matching`, plus committed rows where `spec` has some.

        Args:
            batch: What to learn from.
            generator: All randomness comes from it.
            insulate: Only the expert and the projections of actions and time learn: the backbone and the state's
                projection, which the backbone reads, get no gradient.
        """
        context = self._read(batch.images, batch.tokens, batch.mask, batch.state, insulate=insulate)
        sample = draw_flow(
            batch.actions,
            self.config.max_action_dim,
            is_pad=batch.is_pad,
            max_delay=self.spec.max_trained_delay,
            delay_probability=self.delay_probability,
            generator=generator,
        )
        return flow_loss(self.step(sample.x, sample.t, context), sample)


class _Network(nn.Module):
    """The modules, under LeRobot's names."""

    def __init__(self, config: SmolVLAConfig) -> None:
        super().__init__()
        backbone = Backbone(config.vlm, config.num_vlm_layers)
        backbone.check_image_size(config.image_size)
        expert = ActionExpert(config, len(backbone.layers))
        self.vlm_with_expert = nn.ModuleDict({"vlm": backbone, "lm_expert": expert})
        width = expert.width
        self.state_proj = nn.Linear(config.max_state_dim, backbone.width)
        self.action_in_proj = nn.Linear(config.max_action_dim, width)
        self.action_out_proj = nn.Linear(width, config.max_action_dim)
        self.action_time_mlp_in = nn.Linear(2 * width, width)
        self.action_time_mlp_out = nn.Linear(width, width)

    @property
    def backbone(self) -> Any:
        return self.vlm_with_expert["vlm"]

    @property
    def expert(self) -> Any:
        return self.vlm_with_expert["lm_expert"]


def _token(tokenizer: Tokenizer, name: str) -> int:
    index = tokenizer.token_to_id(name)
    if index is None:
        raise PolicyError(f"add_image_special_tokens is true, but the tokenizer has no {name}; take the backbone's own")
    return int(index)
