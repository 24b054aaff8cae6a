"""The affine map between a policy's normalized numbers and robot units.

`physical = offset + scale * normalized`, one offset and one scale per channel. LeRobot's MEAN_STD is offset = mean,
scale = std. A finetuned policy must keep its base's map: two policies with different maps predict in different units,
and interpolating their weights mixes the units.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retain.errors import PolicyError

MIN_SCALE = 0.01
"""Smallest scale [channel's unit]: a channel that hardly moved in the data is not blown up to noise."""

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Affine:
    """One offset and one scale per channel, in the channels' units.

    Attributes:
        offset: Shape (C,), the physical value of a normalized 0.
        scale: Shape (C,), positive, the physical size of a normalized 1.
    """

    offset: tuple[float, ...]
    scale: tuple[float, ...]

    def __post_init__(self) -> None:
        """Check the shapes.

        Raises:
            PolicyError: The lengths differ, or a number is not finite, or a scale is not positive.
        """
        if len(self.offset) != len(self.scale):
            raise PolicyError(f"normalization has {len(self.offset)} offsets but {len(self.scale)} scales")
        if not np.isfinite([*self.offset, *self.scale]).all() or any(value <= 0 for value in self.scale):
            raise PolicyError(
                f"normalization needs finite offsets and positive scales, found {self.offset} and {self.scale}"
            )

    @classmethod
    def from_samples(cls, samples: FloatArray) -> "Affine":
        """Mean and standard deviation of samples of shape (N, C), with scales of at least `MIN_SCALE`."""
        wide = samples.astype(np.float64)
        # Rounded to what a float32 file holds, so that writing and reading the statistics changes nothing.
        mean = wide.mean(axis=0).astype(np.float32)
        std = np.maximum(wide.std(axis=0), MIN_SCALE).astype(np.float32)
        return cls(tuple(float(value) for value in mean), tuple(float(value) for value in std))

    def normalize(self, physical: FloatArray) -> FloatArray:
        """`(physical - offset) / scale` on the last axis, float32."""
        offset, scale = np.array(self.offset, np.float32), np.array(self.scale, np.float32)
        return np.asarray((physical - offset) / scale, dtype=np.float32)

    def physical(self, normalized: FloatArray) -> FloatArray:
        """`offset + scale * normalized` on the last axis, float32."""
        offset, scale = np.array(self.offset, np.float32), np.array(self.scale, np.float32)
        return np.asarray(offset + scale * normalized, dtype=np.float32)


@dataclass(frozen=True)
class Normalization:
    """The maps of the measured state and of the (possibly relative) action."""

    state: Affine
    action: Affine
