"""Llama's layer, taken apart so that two transformers of different widths can attend to each other's keys and values.

The parts are those of `transformers`, under its names; what is computed between them is written here, because neither
transformer's own forward takes the other's keys. Each layer is called as a module, so that what hooks into calls
(sharding, compilation, recomputing activations) finds it.
"""

from typing import Any

import torch
from torch import Tensor, nn

from retain.policy.vlm.attention import attend, split_heads
from retain.policy.vlm.rotary import Rotation, rotate

LayerCache = tuple[Tensor, Tensor]
"""Keys, already rotated, and values of one layer, (B, kv_heads, N, head_dim) each."""


class LlamaLayer(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)).

    Args:
        config: A LlamaConfig.
        index: In the transformer.
    """

    self_attn: Any
    mlp: Any
    input_layernorm: Any
    post_attention_layernorm: Any

    def __init__(self, config: Any, index: int) -> None:
        super().__init__()
        from transformers.models.llama.modeling_llama import LlamaAttention, LlamaMLP, LlamaRMSNorm

        self.head_dim = int(config.head_dim)
        self.self_attn = LlamaAttention(config, index)
        self.mlp = LlamaMLP(config)
        self.input_layernorm = LlamaRMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        self.post_attention_layernorm = LlamaRMSNorm(config.hidden_size, eps=config.rms_norm_eps)

    def queries(self, normalized: Tensor, positions: Rotation) -> Tensor:
        """(B, N, width) to (B, heads, N, head_dim), rotated."""
        return rotate(split_heads(self.self_attn.q_proj(normalized), self.head_dim), positions)

    def keys_values(self, normalized: Tensor, positions: Rotation) -> LayerCache:
        """(B, N, width) to keys, rotated, and values."""
        keys = rotate(split_heads(self.self_attn.k_proj(normalized), self.head_dim), positions)
        return keys, split_heads(self.self_attn.v_proj(normalized), self.head_dim)

    def finish(self, x: Tensor, read: Tensor) -> Tensor:
        """What attention read (B, N, heads head_dim) joins x (B, N, width), then the mlp."""
        x = x + self.self_attn.o_proj(read)
        out: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return out


class BackboneLayer(LlamaLayer):
    """Self-attention over the prefix, whose keys and values are handed out."""

    def forward(self, x: Tensor, mask: Tensor, positions: Rotation) -> tuple[Tensor, Tensor, Tensor]:
        """(B, N, width) and a mask bool (B, N, N) to (B, N, width), keys and values."""
        normalized = self.input_layernorm(x)
        keys, values = self.keys_values(normalized, positions)
        read = attend(self.queries(normalized, positions), keys, values, mask)
        return self.finish(x, read), keys, values

    def only_cache(self, x: Tensor, positions: Rotation) -> LayerCache:
        """Keys and values alone, of a layer behind which nobody reads the backbone."""
        return self.keys_values(self.input_layernorm(x), positions)


class ExpertLayer(LlamaLayer):
    """Action rows read the prefix: by self-attention over both, or by cross-attention to it alone.

    Args:
        config: A LlamaConfig of the expert's width.
        index: In the expert.
        joint: Self-attention over prefix and rows; else keys and values are projections of the backbone's.
    """

    def __init__(self, config: Any, index: int, *, joint: bool) -> None:
        super().__init__(config, index)
        self.joint = joint
        if not joint:
            width = config.num_key_value_heads * self.head_dim
            self.self_attn.k_proj = nn.Linear(width, width, bias=config.attention_bias)
            self.self_attn.v_proj = nn.Linear(width, width, bias=config.attention_bias)

    def remember(self, keys: Tensor, values: Tensor) -> Tensor:
        """What this layer will read of the backbone's, (2, B, kv_heads, N, head_dim); the same for every step."""
        if not self.joint:
            keys = split_heads(self.self_attn.k_proj(keys.transpose(1, 2).flatten(2)), self.head_dim)
            values = split_heads(self.self_attn.v_proj(values.transpose(1, 2).flatten(2)), self.head_dim)
        return torch.stack([keys, values])

    def forward(self, rows: Tensor, kv: Tensor, mask: Tensor, positions: Rotation) -> Tensor:
        """Rows (B, H, width) to (B, H, width).

        Args:
            rows: Actions on their way.
            kv: From `remember`.
            mask: bool (B, H, N), or (B, H, N + H) where attention is joint.
            positions: Of the rows.
        """
        normalized = self.input_layernorm(rows)
        queries = self.queries(normalized, positions)
        keys, values = kv[0].to(queries.dtype), kv[1].to(queries.dtype)
        if self.joint:
            own_keys, own_values = self.keys_values(normalized, positions)
            keys, values = torch.cat([keys, own_keys], 2), torch.cat([values, own_values], 2)
        return self.finish(rows, attend(queries, keys, values, mask))
