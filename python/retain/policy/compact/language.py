"""Words: their encoder, the visual queries they make, and the backbone where words, sight and state meet."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from retain.policy.compact.configuration import CompactConfig
from retain.policy.compact.layers import SelfAttentionLayer
from retain.policy.recompute import run_layer


class LanguageModel(nn.Module):
    """Encodes the instruction, steers vision, and mixes all modalities in one backbone.

    Args:
        config: The sizes.
        max_tokens: Length T of a padded instruction.
    """

    def __init__(self, config: CompactConfig, max_tokens: int) -> None:
        super().__init__()
        width = config.width
        self.words = nn.Embedding(config.vocabulary, width)
        nn.init.normal_(self.words.weight, std=0.5)
        self.position = nn.Parameter(torch.randn(max_tokens, width) * 0.1)
        self.encoder = nn.ModuleList(SelfAttentionLayer(width, config.heads) for _ in range(config.word_layers))
        self.encoder_norm = nn.LayerNorm(width)
        self.query_in = nn.Linear(width, width)
        self.query_out = nn.Linear(width, config.channels)
        self.backbone = nn.ModuleList(SelfAttentionLayer(width, config.heads) for _ in range(config.backbone_layers))
        self.backbone_norm = nn.LayerNorm(width)
        self.recompute = False

    def encode(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Ids int64 (B, T) and mask bool (B, T) to encoded words (B, T, width)."""
        x = self.words(tokens) + self.position
        attention_mask = mask[:, None, None, :]
        for layer in self.encoder:
            x = run_layer(layer, x, attention_mask, recompute=self.recompute)
        normalized: Tensor = self.encoder_norm(x)
        return normalized

    def visual_queries(self, tokens: Tensor) -> Tensor:
        """What each word looks for: ids int64 (B, T) to queries (B, T, channels).

        From the word alone, not from the sentence: "red" must mean the same in every instruction to be grounded soon.
        """
        queries: Tensor = self.query_out(functional.gelu(self.query_in(self.words(tokens))))
        return queries

    def mix(self, sight: list[Tensor], words: Tensor, mask: Tensor, state: Tensor) -> Tensor:
        """The backbone over [what every camera shows, state].

        Args:
            sight: Per camera (B, T + static_queries, width): what each word found, then the rest.
            words: Encoded words (B, T, width); each joins what it found.
            mask: bool (B, T).
            state: One token (B, 1, width).

        Returns:
            (B, cameras (T + static_queries) + 1, width). What padding left is among it: masking that would take a mask
            in every denoising step, and the expert learns to pass over what is always the same.
        """
        length, batch = words.shape[1], words.shape[0]
        tokens, known = [], []
        for seen in sight:
            tokens += [seen[:, :length] + words, seen[:, length:]]
            known += [mask, torch.ones(batch, seen.shape[1] - length, dtype=torch.bool, device=mask.device)]
        x = torch.cat([*tokens, state], 1)
        known.append(torch.ones(batch, 1, dtype=torch.bool, device=mask.device))
        attention_mask = torch.cat(known, 1)[:, None, None, :]
        for layer in self.backbone:
            x = run_layer(layer, x, attention_mask, recompute=self.recompute)
        normalized: Tensor = self.backbone_norm(x)
        return normalized
