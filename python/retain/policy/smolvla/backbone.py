"""The vision-language backbone: transformers' modules under LeRobot's names, read layer by layer."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from retain.errors import PolicyError, require
from retain.policy.recompute import run_layer
from retain.policy.smolvla.layers import BackboneLayer, LayerCache
from retain.policy.vlm.rotary import Rotation

_TEXT = (
    *("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"),
    *("num_key_value_heads", "head_dim", "hidden_act", "rms_norm_eps", "attention_bias", "mlp_bias", "pad_token_id"),
)
_VISION = (
    *("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_channels", "image_size"),
    *("patch_size", "hidden_act", "layer_norm_eps"),
)


def text_configuration(vlm: Mapping[str, Any], **changes: Any) -> Any:
    """The LlamaConfig of the text layers, with some sizes changed.

    Raises:
        PolicyError: The backbone is of another architecture, or its sizes do not fit each other.
        MissingExtraError: transformers is not installed.
    """
    require("transformers", extra="vla")
    from transformers import LlamaConfig

    text = _section(vlm, "text_config", "llama")
    config = LlamaConfig(**{key: text[key] for key in _TEXT if key in text} | changes)
    if config.num_attention_heads % config.num_key_value_heads:
        raise PolicyError(
            f"{config.num_attention_heads} attention heads do not share {config.num_key_value_heads} key/value heads"
        )
    return config


class Backbone(nn.Module):
    """SmolVLM (arXiv 2504.05299): a SigLIP tower, a connector, the first text layers of a Llama.

    Args:
        vlm: Its configuration. With `shifted_positions` in its `vision_config`, a patch reads the position left above
            it, as in transformers 4.55 to 4.57 in float32 (huggingface/transformers#41190): for a policy that was
            trained there.
        layers: Text layers that are kept; 0 or less: all.

    Raises:
        PolicyError: The backbone is of another architecture, or its sizes do not fit each other.
        MissingExtraError: transformers is not installed.
    """

    def __init__(self, vlm: Mapping[str, Any], layers: int) -> None:
        super().__init__()
        text = text_configuration(vlm)
        from transformers import SmolVLMConfig
        from transformers.models.llama.modeling_llama import LlamaRMSNorm
        from transformers.models.smolvlm.configuration_smolvlm import SmolVLMVisionConfig
        from transformers.models.smolvlm.modeling_smolvlm import SmolVLMConnector, SmolVLMVisionTransformer

        if vlm.get("tie_word_embeddings"):
            raise PolicyError("tie_word_embeddings is true; SmolVLA's backbones store both ends of the vocabulary")
        section = _section(vlm, "vision_config", "smolvlm_vision")
        vision = SmolVLMVisionConfig(**{key: section[key] for key in _VISION if key in section})
        both = SmolVLMConfig(text_config=text, vision_config=vision, scale_factor=vlm.get("scale_factor", 2))
        kept = min(layers, text.num_hidden_layers) if layers > 0 else text.num_hidden_layers
        self.width = int(text.hidden_size)
        self.shifted_positions = bool(section.get("shifted_positions"))
        self.recompute = False
        language = {
            "embed_tokens": nn.Embedding(text.vocab_size, text.hidden_size, text.pad_token_id),
            "layers": nn.ModuleList(BackboneLayer(text, index) for index in range(kept)),
            "norm": LlamaRMSNorm(text.hidden_size, eps=text.rms_norm_eps),
        }
        self.model = nn.ModuleDict(
            {
                "vision_model": SmolVLMVisionTransformer(vision),
                "connector": SmolVLMConnector(both),
                "text_model": nn.ModuleDict(language),
            }
        )
        # Like the last text layer's second half and the final norm, it takes no part: a round trip must keep it.
        self.lm_head = nn.Linear(text.hidden_size, text.vocab_size, bias=False)

    @property
    def words(self) -> Any:
        """The word table, an embedding of (vocabulary, width)."""
        return self._text["embed_tokens"]

    @property
    def layers(self) -> Any:
        """The text layers that are kept."""
        return self._text["layers"]

    @property
    def _text(self) -> Any:
        return self.model["text_model"]

    def check_image_size(self, size: int) -> None:
        """Raise a PolicyError unless frames of size x size pixels come out as a whole number of tokens."""
        tower, connector = self._tower, self._connector
        cell = tower.patch_size * connector.scale_factor
        if size % cell:
            raise PolicyError(
                f"resize_imgs_with_padding is {size}, expected a multiple of {cell}, patch_size x scale_factor"
            )

    @property
    def _tower(self) -> Any:
        return self.model["vision_model"]

    @property
    def _connector(self) -> Any:
        return self.model["connector"]

    def see(self, frames: Tensor) -> Tensor:
        """Frames (B, 3, S, S) in [-1, 1] to visual tokens (B, (S / patch / scale)^2, width)."""
        tower = self._tower
        weight = tower.embeddings.patch_embedding.weight
        x = tower.embeddings.patch_embedding(frames.to(weight.dtype)).flatten(2).transpose(1, 2)
        x = x + self._positions(frames.shape[-1] // tower.patch_size)
        for layer in tower.encoder.layers:
            x = run_layer(layer, x, None, recompute=self.recompute)
        tokens: Tensor = self._connector(tower.post_layernorm(x))
        return tokens

    def _positions(self, side: int) -> Tensor:
        """Position vectors of side x side patches, (side^2, width): those of the table's own grid, spread over them."""
        embeddings = self._tower.embeddings
        table: Tensor = embeddings.position_embedding.weight
        grid = int(embeddings.num_patches_per_side)
        if side == grid and not self.shifted_positions:
            return table
        line = torch.arange(side, device=table.device) * grid
        line = (line - 1).clamp(min=0) if self.shifted_positions else line
        line = torch.div(line, side, rounding_mode="floor")
        return table[(line[:, None] * grid + line).flatten()]

    def read(self, x: Tensor, mask: Tensor, positions: Rotation, layers: int) -> list[LayerCache]:
        """Keys and values of the first text layers over embedded tokens.

        What a last layer would make of them is read by nobody and not computed.

        Args:
            x: (B, N, width).
            mask: bool (B, N, N), True where a token (first N) may look.
            positions: Rotations of the tokens.
            layers: How many.
        """
        caches: list[LayerCache] = []
        for layer in self.layers[: layers - 1]:
            x, keys, values = run_layer(layer, x, mask, positions, recompute=self.recompute)
            caches.append((keys, values))
        return [*caches, self.layers[layers - 1].only_cache(x, positions)]


def _section(vlm: Mapping[str, Any], key: str, architecture: str) -> Mapping[str, Any]:
    section = vlm.get(key)
    if not isinstance(section, Mapping):
        raise PolicyError(f"the backbone's configuration has no {key}, expected one of SmolVLM")
    found = section.get("model_type", architecture)
    if found != architecture:
        raise PolicyError(f"the backbone's {key} is of type {found}, expected {architecture}")
    return section
