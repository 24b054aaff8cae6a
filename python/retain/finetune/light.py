"""Other light on recorded pictures, so that a policy does not learn the hour at which they were taken."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retain.finetune.pictures import Pixels


@dataclass(frozen=True)
class Light:
    """Each picture times 1 + amount n, then each of its colours plus 0.3 amount n (of full scale).

    Attributes:
        gain: float32 (n, 1, 1, 1), by which a picture is multiplied.
        cast: float32 (n, 1, 1, 3), what is added to its colours.
    """

    gain: npt.NDArray[np.float32]
    cast: npt.NDArray[np.float32]

    @classmethod
    def draw(cls, count: int, amount: float, rng: np.random.Generator) -> "Light":
        """Light for `count` pictures; `amount` is the standard deviation of the relative change."""
        gain = 1 + amount * rng.standard_normal((count, 1, 1, 1), dtype=np.float32)
        cast = 0.3 * 255 * amount * rng.standard_normal((count, 1, 1, 3), dtype=np.float32)
        return cls(gain, cast)

    def on(self, images: Pixels, which: npt.NDArray[np.int64]) -> Pixels:
        """The pictures uint8 (n, H, W, 3) in the light number `which`, int64 (n,)."""
        lit: Pixels = np.clip(images * self.gain[which] + self.cast[which], 0, 255).astype(np.uint8)
        return lit
