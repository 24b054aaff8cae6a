"""ACT's encoder and decoder: DETR's layers, which add positions to queries and keys but not to values."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from retain.policy.act.configuration import ACTConfig

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": functional.relu, "gelu": functional.gelu}


class Attention(nn.Module):
    """Multi-head attention with the tensors of `torch.nn.MultiheadAttention`, batch first."""

    def __init__(self, config: ACTConfig) -> None:
        super().__init__()
        width = config.dim_model
        self.heads, self.dropout = config.n_heads, config.dropout
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, padding: Tensor | None = None) -> Tensor:
        """Attend.

        Args:
            query: (B, N, D).
            key: (B, M, D).
            value: (B, M, D).
            padding: bool (B, M), True where a key is not to be seen.

        Returns:
            (B, N, D).
        """
        weights, biases = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
        q, k, v = (
            functional.linear(x, weight, bias).view(*x.shape[:2], self.heads, -1).transpose(1, 2)
            for x, weight, bias in zip((query, key, value), weights, biases, strict=True)
        )
        # Written out: the fused operator leaves ONNX a scale that is computed from shapes at every call.
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(2, 3)
        if padding is not None:
            scores = scores.masked_fill(padding[:, None, None], float("-inf"))
        attention = functional.dropout(scores.softmax(-1), self.dropout, self.training)
        projected: Tensor = self.out_proj((attention @ v).transpose(1, 2).flatten(2))
        return projected


class EncoderLayer(nn.Module):
    """Self-attention and a feed-forward layer."""

    def __init__(self, config: ACTConfig) -> None:
        super().__init__()
        width = config.dim_model
        self.pre_norm, self.activation = config.pre_norm, _ACTIVATIONS[config.feedforward_activation]
        self.self_attn = Attention(config)
        self.linear1 = nn.Linear(width, config.dim_feedforward)
        self.linear2 = nn.Linear(config.dim_feedforward, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, positions: Tensor, padding: Tensor | None = None) -> Tensor:
        """(B, N, D) with positions (N, D) and padding bool (B, N) to (B, N, D)."""
        if self.pre_norm:
            x = x + self._mix(self.norm1(x), positions, padding)
            return x + self._feed_forward(self.norm2(x))
        x = self.norm1(x + self._mix(x, positions, padding))
        normalized: Tensor = self.norm2(x + self._feed_forward(x))
        return normalized

    def _mix(self, x: Tensor, positions: Tensor, padding: Tensor | None) -> Tensor:
        placed = x + positions
        mixed: Tensor = self.dropout(self.self_attn(placed, placed, x, padding))
        return mixed

    def _feed_forward(self, x: Tensor) -> Tensor:
        fed: Tensor = self.dropout(self.linear2(self.dropout(self.activation(self.linear1(x)))))
        return fed


class DecoderLayer(nn.Module):
    """Self-attention over the chunk's rows, attention to the encoder's tokens, and a feed-forward layer."""

    def __init__(self, config: ACTConfig) -> None:
        super().__init__()
        width = config.dim_model
        self.pre_norm, self.activation = config.pre_norm, _ACTIVATIONS[config.feedforward_activation]
        self.self_attn = Attention(config)
        self.multihead_attn = Attention(config)
        self.linear1 = nn.Linear(width, config.dim_feedforward)
        self.linear2 = nn.Linear(config.dim_feedforward, width)
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(width), nn.LayerNorm(width), nn.LayerNorm(width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, rows: Tensor, memory: Tensor, positions: Tensor) -> Tensor:
        """Decode.

        Args:
            x: (B, H, D).
            rows: (H, D), positions of the chunk's rows.
            memory: (B, N, D), the encoder's output.
            positions: (N, D), of the encoder's tokens.

        Returns:
            (B, H, D).
        """
        key = memory + positions
        if self.pre_norm:
            x = x + self._mix(self.norm1(x), rows)
            x = x + self._look(self.norm2(x), rows, key, memory)
            return x + self._feed_forward(self.norm3(x))
        x = self.norm1(x + self._mix(x, rows))
        x = self.norm2(x + self._look(x, rows, key, memory))
        normalized: Tensor = self.norm3(x + self._feed_forward(x))
        return normalized

    def _mix(self, x: Tensor, rows: Tensor) -> Tensor:
        placed = x + rows
        mixed: Tensor = self.dropout(self.self_attn(placed, placed, x))
        return mixed

    def _look(self, x: Tensor, rows: Tensor, key: Tensor, memory: Tensor) -> Tensor:
        seen: Tensor = self.dropout(self.multihead_attn(x + rows, key, memory))
        return seen

    def _feed_forward(self, x: Tensor) -> Tensor:
        fed: Tensor = self.dropout(self.linear2(self.dropout(self.activation(self.linear1(x)))))
        return fed


class Encoder(nn.Module):
    """Encoder layers, and a last normalization where the layers normalize before."""

    def __init__(self, config: ACTConfig, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(layers))
        self.norm = nn.LayerNorm(config.dim_model) if config.pre_norm else nn.Identity()

    def forward(self, x: Tensor, positions: Tensor, padding: Tensor | None = None) -> Tensor:
        """(B, N, D) with positions (N, D) and padding bool (B, N) to (B, N, D)."""
        for layer in self.layers:
            x = layer(x, positions, padding)
        normalized: Tensor = self.norm(x)
        return normalized


class Decoder(nn.Module):
    """Decoder layers and a last normalization."""

    def __init__(self, config: ACTConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.n_decoder_layers))
        self.norm = nn.LayerNorm(config.dim_model)

    def forward(self, x: Tensor, rows: Tensor, memory: Tensor, positions: Tensor) -> Tensor:
        """As `DecoderLayer.forward`."""
        for layer in self.layers:
            x = layer(x, rows, memory, positions)
        normalized: Tensor = self.norm(x)
        return normalized
