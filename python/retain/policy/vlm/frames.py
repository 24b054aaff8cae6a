"""Camera frames to what a vision tower takes: resized without distortion, padded, scaled to [-1, 1]."""

from torch import Tensor
from torch.nn import functional


def fit_frames(frames: Tensor, height: int, width: int, *, centred: bool, border: float = -1.0) -> Tensor:
    """Resize bilinearly (half-pixel centres, no antialiasing) until the frame just fits, then pad.

    Args:
        frames: uint8 (B, H, W, 3), RGB.
        height: Of the result [pixels].
        width: Of the result [pixels].
        centred: Half of the padding on each side, the odd pixel right and below (openpi's `resize_with_pad`);
            otherwise all of it left and above (LeRobot's SmolVLA).
        border: Value of the padding; -1 is black.

    Returns:
        float32 (B, 3, height, width), 0 to 255 mapped to -1 to 1.
    """
    x = frames.permute(0, 3, 1, 2).float() / 255
    # Rounded as both sources round, so that a frame gets the same rows there and here.
    ratio = max(frames.shape[2] / width, frames.shape[1] / height)
    inner = (int(frames.shape[1] / ratio), int(frames.shape[2] / ratio))
    if inner != tuple(frames.shape[1:3]):
        x = functional.interpolate(x, size=inner, mode="bilinear", align_corners=False)
    x = x * 2 - 1
    above, left = height - inner[0], width - inner[1]
    below, right = 0, 0
    if centred:
        above, below = above // 2, above - above // 2
        left, right = left // 2, left - left // 2
    if above or below or left or right:
        x = functional.pad(x, (left, right, above, below), value=border)
    return x
