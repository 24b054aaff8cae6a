"""The sizes of the `compact` network. No torch here."""

from dataclasses import dataclass

from retain.errors import PolicyError


@dataclass(frozen=True)
class CompactConfig:
    """Sizes and training noise of `compact`; the defaults are the shipped base's.

    Attributes:
        image_size: Every camera's image is resized to this square [pixels]; a multiple of 4.
        channels: Channels of the visual feature map of (image_size / 4)^2 cells.
        width: Width d of all transformers.
        heads: Attention heads; divides `width`.
        static_queries: Visual tokens per camera that are pooled by attention which is always the same.
        vocabulary: Rows of the word table.
        word_layers: Transformer layers over the words alone.
        backbone_layers: Transformer layers over visual tokens, words and state.
        expert_layers: Transformer layers over the action rows, each with cross-attention to the prefix.
        flow_samples: Noise draws per observation in the loss; the prefix is computed once for all of them.
        delay_probability: Share of the draws that see a clean prefix of committed rows.
    """

    image_size: int = 64
    channels: int = 64
    width: int = 128
    heads: int = 4
    static_queries: int = 8
    vocabulary: int = 384
    word_layers: int = 1
    backbone_layers: int = 3
    expert_layers: int = 2
    flow_samples: int = 2
    delay_probability: float = 0.3

    def __post_init__(self) -> None:
        """Check the sizes.

        Raises:
            PolicyError: A size does not divide another, or is not positive.
        """
        if self.image_size % 4 or self.image_size < 8:
            raise PolicyError(f"image_size is {self.image_size}, expected a multiple of 4, 8 or more")
        if self.width % self.heads:
            raise PolicyError(f"width {self.width} is not a multiple of the {self.heads} heads")
        sizes = {name: value for name, value in vars(self).items() if name != "delay_probability"}
        for name, value in sizes.items():
            if value < 1:
                raise PolicyError(f"{name} is {value}, expected 1 or more")
        if not 0 <= self.delay_probability <= 1:
            raise PolicyError(f"delay_probability is {self.delay_probability}, expected 0 to 1")
