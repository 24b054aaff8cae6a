"""Words: their encoder, the visual queries they make, and the backbone where words, sight and state meet."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from retain.policy.compact.configuration import CompactConfig
from retain.policy.compact.layers import SelfAttentionLayer, attend, split_heads


class LanguageModel(nn.Module):
    """Encodes the instruction, steers vision, and mixes all modalities in one backbone.

    Args:
        config: The sizes.
        max_tokens: Length T of a padded instruction.
    """

    def __init__(self, config: CompactConfig, max_tokens: int) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.words = nn.Embedding(config.vocabulary, width)
        nn.init.normal_(self.words.weight, std=0.5)
        self.position = nn.Parameter(torch.randn(max_tokens, width) * 0.1)
        self.encoder = nn.ModuleList(SelfAttentionLayer(width, config.heads) for _ in range(config.word_layers))
        self.encoder_norm = nn.LayerNorm(width)
        # Large, so that each head picks out words of its own from the start: averaged over a sentence, the one word that
        # says which colour to look for would drown, and grounding it would take several times as many steps.
        self.queries = nn.Parameter(torch.randn(config.language_queries, width) * 3.0)
        self.query_kv = nn.Linear(width, 2 * width)
        self.query_norm = nn.LayerNorm(width)
        self.query_mlp_in = nn.Linear(width, width)
        self.query_mlp_out = nn.Linear(width, config.channels)
        self.backbone = nn.ModuleList(SelfAttentionLayer(width, config.heads) for _ in range(config.backbone_layers))
        self.backbone_norm = nn.LayerNorm(width)

    def encode(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Ids int64 (B, T) and mask bool (B, T) to encoded words (B, T, width)."""
        x = self.words(tokens) + self.position
        attention_mask = mask[:, None, None, :]
        for layer in self.encoder:
            x = layer(x, attention_mask)
        normalized: Tensor = self.encoder_norm(x)
        return normalized

    def visual_queries(self, words: Tensor, mask: Tensor) -> Tensor:
        """What to look for: encoded words (B, T, width) to queries (B, language_queries, channels)."""
        keys, values = (split_heads(part, self.heads) for part in self.query_kv(words).chunk(2, -1))
        queries = split_heads(self.queries.expand(words.shape[0], -1, -1), self.heads)
        pooled = attend(queries, keys, values, mask[:, None, None, :])
        queried: Tensor = self.query_mlp_out(functional.gelu(self.query_mlp_in(self.query_norm(pooled))))
        return queried

    def mix(self, sight: Tensor, words: Tensor, mask: Tensor, state: Tensor) -> Tensor:
        """The backbone over [sight, words, state].

        Args:
            sight: Visual tokens (B, K, width).
            words: Encoded words (B, T, width).
            mask: bool (B, T).
            state: One token (B, 1, width).

        Returns:
            (B, K + 1, width): sight and state after the backbone. The words stay out: padding among them would need a
            mask in every denoising step, and what they say has reached the other tokens by then.
        """
        seen = sight.shape[1]
        x = torch.cat([sight, state, words], 1)
        known = torch.ones(mask.shape[0], seen + 1, dtype=torch.bool, device=mask.device)
        attention_mask = torch.cat([known, mask], 1)[:, None, None, :]
        for layer in self.backbone:
            x = layer(x, attention_mask)
        normalized: Tensor = self.backbone_norm(x[:, : seen + 1])
        return normalized
