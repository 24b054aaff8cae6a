"""SigLIP (arXiv 2303.15343) as in PaliGemma: a vision transformer without a pooling head."""

from torch import Tensor, nn
from transformers.models.siglip.configuration_siglip import SiglipVisionConfig
from transformers.models.siglip.modeling_siglip import SiglipEncoder

from retain.policy.pi0.configuration import SiglipSizes
from retain.policy.recompute import run_layer

EPSILON = 1e-6


class PatchEmbedding(nn.Module):
    """Patches and their positions.

    Args:
        sizes: Of the tower.
        image_size: Side of a frame [pixels].
    """

    def __init__(self, sizes: SiglipSizes, image_size: int) -> None:
        super().__init__()
        self.patch_embedding = nn.Conv2d(3, sizes.width, sizes.patch, stride=sizes.patch)
        self.position_embedding = nn.Embedding((image_size // sizes.patch) ** 2, sizes.width)

    def forward(self, frames: Tensor) -> Tensor:
        """(N, 3, side, side) to (N, patches, width), row by row of the picture."""
        patches: Tensor = self.patch_embedding(frames).flatten(2).transpose(1, 2)
        # The whole table, not looked up: a table of indices would be a constant in the graph.
        return patches + self.position_embedding.weight


class Siglip(nn.Module):
    """Patches, encoder layers, norm.

    Args:
        sizes: Of the tower.
        image_size: Side of a frame [pixels].
    """

    def __init__(self, sizes: SiglipSizes, image_size: int) -> None:
        super().__init__()
        config = SiglipVisionConfig(
            hidden_size=sizes.width,
            intermediate_size=sizes.mlp_width,
            num_hidden_layers=sizes.depth,
            num_attention_heads=sizes.heads,
            hidden_act="gelu_pytorch_tanh",
            layer_norm_eps=EPSILON,
            attn_implementation="eager",
        )
        self.embeddings = PatchEmbedding(sizes, image_size)
        self.encoder = SiglipEncoder(config)
        self.post_layernorm = nn.LayerNorm(sizes.width, eps=EPSILON)
        self.recompute = False

    def forward(self, frames: Tensor) -> Tensor:
        """Frames (N, 3, side, side) in [-1, 1] to (N, patches, width)."""
        x: Tensor = self.embeddings(frames)
        for layer in self.encoder.layers:
            x = run_layer(layer, x, None, recompute=self.recompute)
        normed: Tensor = self.post_layernorm(x)
        return normed


class VisionTower(nn.Module):
    """The name under which LeRobot keeps the transformer: `vision_tower.vision_model`.

    Args:
        sizes: Of the tower.
        image_size: Side of a frame [pixels].
    """

    def __init__(self, sizes: SiglipSizes, image_size: int) -> None:
        super().__init__()
        self.vision_model = Siglip(sizes, image_size)

    def forward(self, frames: Tensor) -> Tensor:
        """See `Siglip.forward`."""
        x: Tensor = self.vision_model(frames)
        return x


class Projector(nn.Module):
    """From the tower's width to the language model's.

    Args:
        seen: The tower's width.
        width: The language model's.
    """

    def __init__(self, seen: int, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(seen, width)

    def forward(self, x: Tensor) -> Tensor:
        """(N, patches, seen) to (N, patches, width)."""
        projected: Tensor = self.linear(x)
        return projected
