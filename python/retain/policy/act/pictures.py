"""What LeRobot's preprocessor does to a camera's pictures before ACT sees them, as part of the network."""

import torch
from torch import Tensor, nn

from retain.checkpoint.normalizer import Normalized
from retain.errors import PolicyError


class NormalizedPicture(nn.Module):
    """uint8 pictures to the network's input, at the camera's own size.

    Args:
        normalized: Of pictures in [0, 1], by colour; None passes them as they are.

    Raises:
        PolicyError: It has not three colours.
    """

    low: Tensor
    divisor: Tensor

    def __init__(self, normalized: Normalized | None) -> None:
        super().__init__()
        self.mode = None if normalized is None else normalized.mode
        if normalized is None:
            return
        for name, values in (("low", normalized.low), ("divisor", normalized.divisors())):
            if len(values) != 3:
                raise PolicyError(f"a camera's statistics are {list(values)}, expected one for each of 3 colours")
            # Not saved: these are the preprocessor's numbers, which its own files hold.
            self.register_buffer(name, torch.tensor(values, dtype=torch.float32)[:, None, None], persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """uint8 (B, H, W, 3), RGB, to float32 (B, 3, H, W)."""
        picture = image.permute(0, 3, 1, 2).float() / 255
        if self.mode is None:
            return picture
        scaled = (picture - self.low) / self.divisor
        return scaled if self.mode == "MEAN_STD" else 2 * scaled - 1
