"""Gemma (arXiv 2403.08295) as π0 uses it: the backbone leaves keys and values, the expert reads them.

Projections and MLP are `transformers`' own modules. The forward pass is written out, because the cache has to be
handed over as tensors, a row of a chunk must not see what it may not, and π0.5's norms take a condition.
"""

import math

import torch
from torch import Tensor, nn
from transformers.models.gemma.configuration_gemma import GemmaConfig
from transformers.models.gemma.modeling_gemma import GemmaAttention, GemmaMLP

from retain.policy.pi0.configuration import GemmaSizes
from retain.policy.pi0.norm import AdaptiveRmsNorm, RmsNorm, gated
from retain.policy.recompute import run_layer
from retain.policy.vlm.attention import attend, split_heads
from retain.policy.vlm.rotary import Rotation, rotate

WAVELENGTH = 10_000.0
"""Of the slowest rotation [positions]."""


class GemmaLayer(nn.Module):
    """Attention and gated MLP, each behind a norm and in front of a (gated) residual.

    Args:
        config: `transformers`' configuration of the stack.
        index: Of the layer.
        conditioned: Whether the norms are π0.5's.
    """

    def __init__(self, config: GemmaConfig, index: int, conditioned: bool) -> None:
        super().__init__()
        norm = AdaptiveRmsNorm if conditioned else RmsNorm
        self.self_attn = GemmaAttention(config, index)
        self.mlp = GemmaMLP(config)
        self.input_layernorm = norm(config.hidden_size)
        self.post_attention_layernorm = norm(config.hidden_size)
        self.head_dim = int(config.head_dim)

    def keys_and_values(self, normed: Tensor, by: Rotation) -> tuple[Tensor, Tensor]:
        """Both (B, kv_heads, N, head_dim), keys rotated, from normalized (B, N, width)."""
        keys = rotate(split_heads(self.self_attn.k_proj(normed), self.head_dim), by)
        return keys, split_heads(self.self_attn.v_proj(normed), self.head_dim)

    def forward(
        self,
        x: Tensor,
        mask: Tensor,
        by: Rotation,
        past_keys: Tensor | None = None,
        past_values: Tensor | None = None,
        condition: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """One layer.

        Args:
            x: (B, N, width).
            mask: bool, broadcastable to (B, N, M + N), True where attention may go: the past's M tokens, then x's own.
            by: The rotation of x's positions.
            past_keys: (B, kv_heads, M, head_dim); None: M = 0.
            past_values: Likewise.
            condition: (B, N, width) for conditioned norms.

        Returns:
            x after the layer, and its own keys and values (B, kv_heads, N, head_dim).
        """
        normed, gate = self.input_layernorm(x, condition)
        queries = rotate(split_heads(self.self_attn.q_proj(normed), self.head_dim), by)
        keys, values = self.keys_and_values(normed, by)
        all_keys = keys if past_keys is None else torch.cat([past_keys.to(keys.dtype), keys], 2)
        all_values = values if past_values is None else torch.cat([past_values.to(values.dtype), values], 2)
        x = gated(x, self.self_attn.o_proj(attend(queries, all_keys, all_values, mask)), gate)
        normed, gate = self.post_attention_layernorm(x, condition)
        return gated(x, self.mlp(normed), gate), keys, values


class GemmaStack(nn.Module):
    """The layers and the last norm.

    Args:
        sizes: Of the stack.
        vocabulary: Rows of a word table; None: there is none, as in the expert.
        conditioned: Whether the norms are π0.5's.
    """

    def __init__(self, sizes: GemmaSizes, vocabulary: int | None = None, *, conditioned: bool = False) -> None:
        super().__init__()
        config = GemmaConfig(
            hidden_size=sizes.width,
            intermediate_size=sizes.mlp_width,
            num_hidden_layers=sizes.depth,
            num_attention_heads=sizes.heads,
            num_key_value_heads=sizes.kv_heads,
            head_dim=sizes.head_dim,
            hidden_act="gelu_pytorch_tanh",
        )
        if vocabulary is not None:
            self.embed_tokens = nn.Embedding(vocabulary, sizes.width)
        self.layers = nn.ModuleList(GemmaLayer(config, index, conditioned) for index in range(sizes.depth))
        self.norm = AdaptiveRmsNorm(sizes.width) if conditioned else RmsNorm(sizes.width)
        self.recompute = False

    def words(self, tokens: Tensor) -> Tensor:
        """Ids (B, T) to (B, T, width); Gemma's embeddings are scaled by the root of their width."""
        embedded: Tensor = self.embed_tokens(tokens)
        return embedded * math.sqrt(embedded.shape[-1])

    def cache(self, x: Tensor, mask: Tensor, by: Rotation) -> tuple[Tensor, Tensor]:
        """What a reader of this stack needs: keys and values of all layers.

        Nobody reads what the last layer makes of them, so it is not computed.

        Args:
            x: (B, N, width).
            mask: bool, broadcastable to (B, N, N).
            by: The rotation of the positions.

        Returns:
            Both float32 (layers, B, kv_heads, N, head_dim).
        """
        keys, values = [], []
        for layer in self.layers[:-1]:
            x, key, value = run_layer(layer, x, mask, by, recompute=self.recompute)
            keys.append(key)
            values.append(value)
        last = self.layers[-1]
        assert isinstance(last, GemmaLayer)
        key, value = last.keys_and_values(last.input_layernorm(x)[0], by)
        return torch.stack([*keys, key]).float(), torch.stack([*values, value]).float()

    def read(
        self, x: Tensor, mask: Tensor, by: Rotation, keys: Tensor, values: Tensor, condition: Tensor | None = None
    ) -> Tensor:
        """Attend to another stack's cache and to itself.

        Args:
            x: (B, N, width).
            mask: bool, broadcastable to (B, N, M + N).
            by: The rotation of x's positions.
            keys: (layers, B, kv_heads, M, head_dim).
            values: Likewise.
            condition: (B, N, width) for conditioned norms.

        Returns:
            (B, N, width), normalized.
        """
        for index, layer in enumerate(self.layers):
            past = keys[index], values[index]
            x, _, _ = run_layer(layer, x, mask, by, *past, condition, recompute=self.recompute)
        normed: Tensor = self.norm(x, condition)[0]
        return normed
