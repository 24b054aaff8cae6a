"""The flow-matching action expert: reads the prefix's keys and values, says where each action row should flow."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from retain.policy.compact.configuration import CompactConfig
from retain.policy.compact.layers import CrossAttentionLayer, split_heads
from retain.policy.recompute import run_layer

TIME_FEATURES = 32


class ActionExpert(nn.Module):
    """Self-attention over the H rows, cross-attention to a cache that is computed once per observation.

    Args:
        config: The sizes.
        state: S, channels of the measured state.
        action: A, channels of an action row.
        horizon: H, rows per chunk.
    """

    time_frequencies: Tensor

    def __init__(self, config: CompactConfig, state: int, action: int, horizon: int) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.state = nn.Linear(state, width)
        self.state_memory = nn.Linear(state, width)
        self.kv = nn.ModuleList(nn.Linear(width, 2 * width) for _ in range(config.expert_layers))
        self.rows = nn.Linear(action, width)
        self.row_position = nn.Parameter(torch.randn(horizon, width) * 0.1)
        self.time_in = nn.Linear(TIME_FEATURES, width)
        self.time_out = nn.Linear(width, width)
        self.layers = nn.ModuleList(CrossAttentionLayer(width, config.heads) for _ in range(config.expert_layers))
        self.norm = nn.LayerNorm(width)
        self.velocity = nn.Linear(width, action)
        self.outlook = nn.Linear(width, action)
        self.recompute = False
        # Periods from 1 down to e^6 flow times; constants, neither saved nor merged.
        frequencies = 2 * torch.pi * torch.exp(-0.4 * torch.arange(TIME_FEATURES // 2))
        self.register_buffer("time_frequencies", frequencies, persistent=False)

    def cache(self, memory: Tensor, state: Tensor) -> Tensor:
        """Keys and values of every layer.

        Args:
            memory: (B, N - 1, width), what the backbone leaves.
            state: float32 (B, S), normalized; joins the memory directly, so that joint positions keep their precision.

        Returns:
            (L, 2, B, heads, N, head_dim).
        """
        memory = torch.cat([memory, self.state_memory(state)[:, None]], 1)
        layers = [
            torch.stack([split_heads(part, self.heads) for part in project(memory).chunk(2, -1)]) for project in self.kv
        ]
        return torch.stack(layers)

    def look_ahead(self, memory: Tensor) -> Tensor:
        """One action row straight from the backbone's state token, (B, N, width) to (B, A); for training only."""
        row: Tensor = self.outlook(memory[:, -1])
        return row

    def forward(self, x: Tensor, t: Tensor, kv: Tensor) -> Tensor:
        """Rows x (B, H, A) at flow times t (B, H), cache (L, 2, B, heads, N, head_dim), to velocities (B, H, A)."""
        phase = t[..., None] * self.time_frequencies
        time = self.time_out(functional.silu(self.time_in(torch.cat([phase.sin(), phase.cos()], -1))))
        rows = self.rows(x) + self.row_position + time
        for index, layer in enumerate(self.layers):
            assert isinstance(layer, CrossAttentionLayer)
            rows = run_layer(layer.read, rows, kv[index, 0], kv[index, 1], recompute=self.recompute)
        velocity: Tensor = self.velocity(self.norm(rows))
        return velocity
