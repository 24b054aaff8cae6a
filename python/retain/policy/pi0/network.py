"""Backbone and expert under LeRobot's names, and how they attend to each other."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from retain.policy.pi0.configuration import Pi0Config
from retain.policy.pi0.gemma import WAVELENGTH, GemmaLayer, GemmaStack
from retain.policy.pi0.vision import Projector, VisionTower
from retain.policy.vlm.frames import fit_frames
from retain.policy.vlm.rotary import Rotation, rotation


class PaliGemmaModel(nn.Module):
    """`paligemma.model`: what sees and what reads."""

    def __init__(self, config: Pi0Config) -> None:
        super().__init__()
        self.vision_tower = VisionTower(config.vision, config.image_size)
        self.multi_modal_projector = Projector(config.vision.width, config.language.width)
        self.language_model = GemmaStack(config.language, config.vocabulary)


class WithHead(nn.Module):
    """A model and the head that would predict words; nobody computes it, but checkpoints have it."""

    def __init__(self, model: nn.Module, width: int, vocabulary: int) -> None:
        super().__init__()
        self.model = model
        self.lm_head = nn.Linear(width, vocabulary, bias=False)


class PaliGemmaWithExpert(nn.Module):
    """`paligemma_with_expert`: both decoders."""

    def __init__(self, config: Pi0Config) -> None:
        super().__init__()
        backbone = PaliGemmaModel(config)
        expert = GemmaStack(config.expert, conditioned=config.family == "pi05")
        self.paligemma = WithHead(backbone, config.language.width, config.vocabulary)
        self.gemma_expert = WithHead(expert, config.expert.width, config.vocabulary)


class PiNetwork(nn.Module):
    """What π0 and π0.5 share.

    The prefix (frames, words) sees all of itself. The suffix (π0's state, then the action rows) sees the prefix and
    itself, except that the state does not see the rows. Padding is seen by nobody and takes no position.

    Args:
        config: The sizes.
        horizon: H, rows per chunk.
        leading: Tokens of the suffix in front of the rows.
    """

    def __init__(self, config: Pi0Config, horizon: int, leading: int) -> None:
        super().__init__()
        self.config, self.horizon, self.leading = config, horizon, leading
        self.paligemma_with_expert = PaliGemmaWithExpert(config)
        self.action_in_proj = nn.Linear(config.action_width, config.expert.width)
        self.action_out_proj = nn.Linear(config.expert.width, config.action_width)
        for parameter in self._idle():
            parameter.requires_grad_(False)

    @property
    def backbone(self) -> PaliGemmaModel:
        """What sees and reads."""
        model = self.paligemma_with_expert.paligemma.model
        assert isinstance(model, PaliGemmaModel)
        return model

    @property
    def expert(self) -> GemmaStack:
        """What acts."""
        model = self.paligemma_with_expert.gemma_expert.model
        assert isinstance(model, GemmaStack)
        return model

    def _idle(self) -> Iterator[nn.Parameter]:
        """Tensors of the checkpoint that no action depends on: trainers that ask for every gradient must not wait."""
        yield from self.paligemma_with_expert.paligemma.lm_head.parameters()
        yield from self.paligemma_with_expert.gemma_expert.lm_head.parameters()
        language = self.backbone.language_model
        last = language.layers[-1]
        assert isinstance(last, GemmaLayer)
        for part in (
            language.norm,
            last.post_attention_layernorm,
            last.mlp,
            last.self_attn.q_proj,
            last.self_attn.o_proj,
        ):
            yield from part.parameters()

    def set_recompute(self, enabled: bool) -> None:
        """Gradient checkpointing in all three stacks."""
        for stack in (self.backbone.vision_tower.vision_model, self.backbone.language_model, self.expert):
            stack.recompute = enabled

    def see(self, images: list[Tensor]) -> Tensor:
        """Frames uint8 (B, H, W, 3) of C cameras to (B, C patches, width); all go through the tower together."""
        side = self.config.image_size
        frames = torch.stack([fit_frames(image, side, side, centred=True) for image in images], 1)
        batch, cameras = frames.shape[:2]
        seen: Tensor = self.backbone.multi_modal_projector(self.backbone.vision_tower(frames.flatten(0, 1)))
        return seen.reshape(batch, cameras * seen.shape[1], seen.shape[2])

    def read(self, images: list[Tensor], tokens: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """The context of a step, but for what the state gives.

        Args:
            images: uint8 (B, H, W, 3) per camera.
            tokens: int64 (B, T).
            mask: bool (B, T).

        Returns:
            With N = cameras patches + T tokens of prefix and S = leading + H of suffix:
            keys, values: float32 (layers, B, kv_heads, N, head_dim);
            suffix_mask: bool (B, S, N + S), what every token of the suffix may see;
            suffix_cos, suffix_sin: float32 (B, 1, S, head_dim / 2), the rotation of the suffix's positions.
        """
        seen = self.see(images)
        x = torch.cat([seen, self.backbone.language_model.words(tokens).to(seen.dtype)], 1)
        batch, patches = seen.shape[:2]
        known = torch.cat([torch.ones(batch, patches, dtype=torch.bool, device=mask.device), mask], 1)
        before, total = _count(mask)
        sight = torch.arange(patches, dtype=torch.float32, device=mask.device).expand(batch, patches)
        positions = torch.cat([sight, patches + before], 1)
        by = rotation(positions, self.config.language.head_dim, WAVELENGTH)
        keys, values = self.backbone.language_model.cache(x, known[:, None], by)
        length = self.leading + self.horizon
        rows = torch.arange(length, device=mask.device)
        # Rows are all behind the leading tokens and see everything; those see each other only.
        own = (rows[:, None] >= self.leading) | (rows[None] < self.leading)
        seen_by_suffix = torch.cat([known[:, None].expand(-1, length, -1), own.expand(batch, -1, -1)], 2)
        suffix = rotation(patches + total + rows, self.config.expert.head_dim, WAVELENGTH)
        return {
            "keys": keys,
            "values": values,
            "suffix_mask": seen_by_suffix,
            "suffix_cos": suffix.cos,
            "suffix_sin": suffix.sin,
        }

    def velocity(self, suffix: Tensor, context: Mapping[str, Tensor], condition: Tensor | None = None) -> Tensor:
        """Suffix (B, S, width) to the velocity of its H rows (B, H, W), in the convention of the weights."""
        by = Rotation(context["suffix_cos"], context["suffix_sin"])
        out = self.expert.read(suffix, context["suffix_mask"], by, context["keys"], context["values"], condition)
        velocity: Tensor = self.action_out_proj(out[:, self.leading :])
        return velocity.float()


def _count(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Real tokens before each one, (B, T), and in all, (B, 1); float32.

    A sum over a triangle and not cumsum, which engines for GPUs have for few dtypes.
    """
    index = torch.arange(mask.shape[1], device=mask.device)
    earlier = index[:, None] > index[None]
    return (earlier & mask[:, None]).float().sum(-1), mask.float().sum(-1, keepdim=True)
