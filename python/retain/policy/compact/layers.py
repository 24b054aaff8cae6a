"""The transformer layer that the word encoder, the backbone and the action expert share."""

from torch import Tensor, nn
from torch.nn import functional


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(B, N, d) to (B, heads, N, d / heads)."""
    batch, length, width = x.shape
    return x.view(batch, length, heads, width // heads).transpose(1, 2)


def attend(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None) -> Tensor:
    """softmax(q k^T / sqrt(head_dim)) v over (B, heads, N, head_dim), heads joined again: (B, N, d).

    Args:
        queries: (B, heads, N, head_dim).
        keys: (B, heads, M, head_dim).
        values: (B, heads, M, head_dim).
        mask: bool, broadcastable to (B, heads, N, M), True where attention may go.
    """
    return functional.scaled_dot_product_attention(queries, keys, values, attn_mask=mask).transpose(1, 2).flatten(2)


class SelfAttentionLayer(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)) (pre-norm transformer layer).

    Args:
        width: d.
        heads: Divides `width`.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.attention_out = nn.Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp_in = nn.Linear(width, 4 * width)
        self.mlp_out = nn.Linear(4 * width, width)

    def self_attention(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """The first residual branch, (B, N, d)."""
        queries, keys, values = (
            split_heads(part, self.heads) for part in self.qkv(self.attention_norm(x)).chunk(3, -1)
        )
        out: Tensor = self.attention_out(attend(queries, keys, values, mask))
        return out

    def mlp(self, x: Tensor) -> Tensor:
        """The last residual branch, (B, N, d)."""
        out: Tensor = self.mlp_out(functional.gelu(self.mlp_in(self.mlp_norm(x))))
        return out

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, N, d) to (B, N, d); mask as in `attend`."""
        x = x + self.self_attention(x, mask)
        return x + self.mlp(x)


class CrossAttentionLayer(SelfAttentionLayer):
    """Self-attention over the rows, cross-attention to given keys and values, mlp."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__(width, heads)
        self.cross_norm = nn.LayerNorm(width)
        self.cross_query = nn.Linear(width, width)
        self.cross_out = nn.Linear(width, width)

    def read(self, x: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """(B, H, d) with keys and values of (B, heads, N, head_dim) to (B, H, d)."""
        x = x + self.self_attention(x)
        queries = split_heads(self.cross_query(self.cross_norm(x)), self.heads)
        x = x + self.cross_out(attend(queries, keys, values))
        return x + self.mlp(x)
