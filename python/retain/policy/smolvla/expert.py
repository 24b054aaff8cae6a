"""The flow-matching action expert: reads the backbone layer by layer, says where each action row should flow."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from retain.errors import PolicyError
from retain.policy.recompute import run_layer
from retain.policy.smolvla.backbone import LayerCache, finish, text_configuration
from retain.policy.smolvla.configuration import SmolVLAConfig
from retain.policy.vlm.attention import attend, split_heads
from retain.policy.vlm.rotary import Rotation, rotate, rotation

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

    def __init__(self, config: SmolVLAConfig, depth: int) -> None:
        super().__init__()
        vlm = text_configuration(config.vlm)
        from transformers.models.llama.modeling_llama import LlamaDecoderLayer, LlamaRMSNorm

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
        self.joint = tuple(config.reads_itself(layer) for layer in self.beside)
        """Whether it reads by self-attention over both, else by cross-attention."""
        self.layers = nn.ModuleList(LlamaDecoderLayer(text, index) for index in range(count))
        for index, layer in enumerate(self.layers):
            if config.reads_itself(index) != self.joint[index]:
                raise PolicyError(
                    f"num_expert_layers {count} and self_attn_every_n_layers {config.self_attn_every_n_layers} disagree"
                    f" on layer {index}, in LeRobot too; give the expert as many layers as the backbone"
                )
            if not self.joint[index]:
                heads = text.num_key_value_heads * text.head_dim
                attention: Any = layer.self_attn
                attention.k_proj = nn.Linear(heads, heads, bias=text.attention_bias)
                attention.v_proj = nn.Linear(heads, heads, bias=text.attention_bias)
        self.norm = LlamaRMSNorm(width, eps=text.rms_norm_eps)

    def remember(self, backbone: Sequence[LayerCache]) -> Tensor:
        """What every layer will read, the expert's own projections included: they stay the same while a chunk is drawn.

        Args:
            backbone: Keys and values of the backbone's layers.

        Returns:
            float32 (L, 2, B, kv_heads, N, head_dim).
        """
        caches = []
        for index, layer in enumerate(self.layers):
            keys, values = backbone[self.beside[index]]
            if not self.joint[index]:
                attention: Any = layer.self_attn
                keys = split_heads(attention.k_proj(keys.transpose(1, 2).flatten(2)), self.head_dim)
                values = split_heads(attention.v_proj(values.transpose(1, 2).flatten(2)), self.head_dim)
            caches.append(torch.stack([keys, values]))
        return torch.stack(caches).float()

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
            own = (after, both) if self.joint[index] else (alone, observation)
            rows = run_layer(self._layer, layer, index, rows, kv[index], *own, recompute=self.recompute)
        normalized: Tensor = self.norm(rows)
        return normalized

    def _layer(self, layer: Any, index: int, rows: Tensor, kv: Tensor, positions: Rotation, mask: Tensor) -> Tensor:
        normalized = layer.input_layernorm(rows)
        queries = rotate(split_heads(layer.self_attn.q_proj(normalized), self.head_dim), positions)
        keys, values = kv[0].to(queries.dtype), kv[1].to(queries.dtype)
        if self.joint[index]:
            own_keys = rotate(split_heads(layer.self_attn.k_proj(normalized), self.head_dim), positions)
            own_values = split_heads(layer.self_attn.v_proj(normalized), self.head_dim)
            keys, values = torch.cat([keys, own_keys], 2), torch.cat([values, own_values], 2)
        return finish(layer, rows, attend(queries, keys, values, mask))


def _intermediate(width: int) -> int:
    """Two thirds of four times the width, up to the next multiple of 256 (LeRobot's `get_intermediate_size`)."""
    return 256 * ((4 * int(2 * width / 3) + 255) // 256)
