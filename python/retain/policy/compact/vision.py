"""Images to visual tokens: a small conv net, then attention pooling whose queries come partly from the instruction."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from retain.policy.compact.configuration import CompactConfig

FREQUENCIES = (0.5, 1.0, 2.0, 4.0)
"""Periods per image half-width of the Fourier features of a pooled position."""


class VisionEncoder(nn.Module):
    """uint8 images of one camera to one token per word and some that do not depend on words.

    A token is the attention-weighted mean of the features together with the attention-weighted mean of the positions,
    i.e. a soft keypoint (spatial softmax, arXiv 1504.00702) which a word can steer.

    Args:
        config: The sizes.
        cameras: How many cameras share the encoder; each has its own token embeddings.
        max_tokens: Length T of a padded instruction.
    """

    grid: Tensor
    frequencies: Tensor

    def __init__(self, config: CompactConfig, cameras: int, max_tokens: int) -> None:
        super().__init__()
        channels, width = config.channels, config.width
        self.size = config.image_size
        self.conv1 = nn.Conv2d(3, 32, 5, stride=2, padding=2)
        self.conv2 = nn.Conv2d(32, channels, 3, stride=2, padding=1)
        self.conv3 = nn.Conv2d(channels, channels, 3, padding=1)
        self.gain = nn.Parameter(torch.ones(channels))
        self.static_queries = nn.Parameter(torch.randn(config.static_queries, channels) * 0.3)
        self.project = nn.Linear(channels + 2 + 4 * len(FREQUENCIES), width)
        self.position = nn.Parameter(torch.randn(cameras, max_tokens + config.static_queries, width) * 0.1)
        cells = self.size // 4
        line = (torch.arange(cells) + 0.5) * (2 / cells) - 1
        grid = torch.stack([line[None].expand(cells, cells), line[:, None].expand(cells, cells)], -1)
        # Constants of the architecture, not weights: they are neither saved nor merged.
        self.register_buffer("grid", grid.reshape(cells * cells, 2).contiguous(), persistent=False)
        self.register_buffer("frequencies", torch.tensor(FREQUENCIES) * torch.pi, persistent=False)

    def features(self, image: Tensor) -> Tensor:
        """uint8 (B, H, W, 3) to normalized features (B, cells, channels); resizing and scaling happen here."""
        x = image.permute(0, 3, 1, 2).float() / 64 - 2
        if image.shape[1] != self.size or image.shape[2] != self.size:
            x = functional.interpolate(x, size=(self.size, self.size), mode="bilinear", align_corners=False)
        x = functional.relu(self.conv1(x))
        x = functional.relu(self.conv2(x))
        x = self.conv3(x).flatten(2).transpose(1, 2)
        # Each channel to zero mean and unit variance over the picture: what is the same everywhere (the light, the
        # table) vanishes, and the few cells with something on them stand out, so that attention finds them.
        x = x - x.mean(1, keepdim=True)
        normalized: Tensor = x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-5) * self.gain
        return normalized

    def forward(self, image: Tensor, queries: Tensor, camera: int) -> Tensor:
        """Pool one camera's image.

        Args:
            image: uint8 (B, H, W, 3).
            queries: (B, T, channels), what each word of the instruction looks for.
            camera: Index in the spec's order.

        Returns:
            (B, T + static_queries, width).
        """
        features = self.features(image)
        static = self.static_queries.expand(features.shape[0], -1, -1)
        # Half instead of 1 / sqrt(channels): sharper from the start, so that a keypoint forms within few steps.
        attention = (torch.cat([queries, static], 1) @ features.transpose(1, 2) * 0.5).softmax(-1)
        xy = attention @ self.grid
        phase = (xy[..., None] * self.frequencies).flatten(2)
        described = torch.cat([attention @ features, 2 * xy, phase.sin(), phase.cos()], -1)
        tokens: Tensor = self.project(described)
        return tokens + self.position[camera]
