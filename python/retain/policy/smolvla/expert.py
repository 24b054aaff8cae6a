"""The flow-matching action expert: reads the backbone layer by layer, says where each action row should flow."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from retain.errors import PolicyError
from retain.policy.recompute import run_layer
from retain.policy.smolvla.backbone import text_configuration
from retain.policy.smolvla.configuration import SmolVLAConfig
from retain.policy.smolvla.layers import ExpertLayer, LayerCache
from retain.policy.vlm.rotary import rotation

WAVELENGTH = 10_000.0
"""Of all rotary embeddings in LeRobot's SmolVLA, the backbone's too, although SmolLM2 was trained with 100 000."""


class ActionExpert(nn.Module):
    """A Llama of its own width whose layers share heads with the backbone's.

    Args:
        config: The sizes.
        depth: Text layers of the backbone.

    Raises:
        PolicyError: The expert's layers cannot be laid beside the backbone's.
        MissingExtraError: transformers is not installed.
    """

    layers: Any

    def __init__(self, config: SmolVLAConfig, depth: int) -> None:
        super().__init__()
        vlm = text_configuration(config.vlm)
        from transformers.models.llama.modeling_llama import LlamaRMSNorm

        count = config.num_expert_layers if config.num_expert_layers > 0 else depth
        if depth % count:
            raise PolicyError(f"num_expert_layers is {count}, expected a divisor of the backbone's {depth} layers")
        width = int(vlm.hidden_size * config.expert_width_multiplier)
        if width % 2:
            raise PolicyError(f"the expert is {width} wide, expected an even number; change expert_width_multiplier")
        text = text_configuration(config.vlm, hidden_size=width, intermediate_size=_intermediate(width))
        self.width = width
        self.head_dim = int(text.head_dim)
        self.recompute = False
        self.beside = tuple(index * (depth // count) for index in range(count))
        """The backbone's layer that each layer reads."""
        joint = [config.reads_itself(layer) for layer in self.beside]
        for index, here in enumerate(joint):
            if config.reads_itself(index) != here:
                raise PolicyError(
                    f"num_expert_layers {count} and self_attn_every_n_layers {config.self_attn_every_n_layers} disagree"
                    f" on layer {index}, in LeRobot too; give the expert as many layers as the backbone"
                )
        self.layers = nn.ModuleList(ExpertLayer(text, index, joint=here) for index, here in enumerate(joint))
        self.norm = LlamaRMSNorm(width, eps=text.rms_norm_eps)

    def remember(self, backbone: Sequence[LayerCache]) -> Tensor:
        """What every layer will read, the expert's own projections included: they stay the same while a chunk is drawn.

        Args:
            backbone: Keys and values of the backbone's layers.

        Returns:
            float32 (L, 2, B, kv_heads, N, head_dim).
        """
        own = zip(self.layers, self.beside, strict=True)
        return torch.stack([layer.remember(*backbone[index]) for layer, index in own]).float()

    def forward(self, rows: Tensor, kv: Tensor, kv_mask: Tensor) -> Tensor:
        """Embedded rows (B, H, width) to what the velocity is read from, (B, H, width).

        A row sees the observation and, in layers of self-attention, the rows up to itself.

        Args:
            rows: Actions and their flow time.
            kv: From `remember`.
            kv_mask: bool (B, N), True where the prefix has a token.
        """
        batch, horizon, _ = rows.shape
        line = torch.arange(horizon, device=rows.device)
        observation = kv_mask[:, None].expand(batch, horizon, -1)
        earlier = (line[None] <= line[:, None]).expand(batch, horizon, horizon)
        both = torch.cat([observation, earlier], -1)
        alone = rotation(line[None], self.head_dim, WAVELENGTH)
        after = rotation(kv_mask.float().sum(1, keepdim=True) + line, self.head_dim, WAVELENGTH)
        for index, layer in enumerate(self.layers):
            mask, positions = (both, after) if layer.joint else (observation, alone)
            rows = run_layer(layer, rows, kv[index], mask, positions, recompute=self.recompute)
        normalized: Tensor = self.norm(rows)
        return normalized


def _intermediate(width: int) -> int:
    """Two thirds of four times the width, up to the next multiple of 256 (LeRobot's `get_intermediate_size`)."""
    return 256 * ((4 * int(2 * width / 3) + 255) // 256)
