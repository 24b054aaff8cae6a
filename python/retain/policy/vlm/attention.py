"""Attention with a mask and with fewer key/value heads than query heads (GQA, arXiv 2305.13245)."""

import torch
from torch import Tensor


def split_heads(x: Tensor, head_dim: int) -> Tensor:
    """(B, N, heads head_dim) to (B, heads, N, head_dim)."""
    batch, length, _ = x.shape
    return x.view(batch, length, -1, head_dim).transpose(1, 2)


def attend(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """softmax(q k^T / sqrt(head_dim)) v, heads joined again.

    Queries that share a key/value head are stacked, so that keys and values are never copied. A query that may see
    nothing gets the mean of the values and not NaN: rows of padding pass through every layer.

    Args:
        queries: (B, heads, N, head_dim).
        keys: (B, kv_heads, M, head_dim); kv_heads divides heads, head h reads kv head h kv_heads / heads.
        values: (B, kv_heads, M, head_dim).
        mask: bool, broadcastable to (B, N, M), True where attention may go.

    Returns:
        (B, N, heads head_dim).
    """
    batch, heads, rows, head_dim = queries.shape
    kv_heads, length = keys.shape[1], keys.shape[2]
    stacked = (queries * head_dim**-0.5).reshape(batch, kv_heads, heads // kv_heads * rows, head_dim)
    scores = (stacked @ keys.transpose(2, 3)).view(batch, heads, rows, length)
    scores = torch.where(mask[:, None], scores, torch.finfo(scores.dtype).min)
    weights = scores.softmax(-1, dtype=torch.float32).to(values.dtype)
    read = weights.view(batch, kv_heads, heads // kv_heads * rows, length) @ values
    return read.view(batch, heads, rows, head_dim).transpose(1, 2).flatten(2)
