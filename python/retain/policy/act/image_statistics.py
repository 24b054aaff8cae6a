"""The affine map of a camera's colours, which LeRobot keeps among its preprocessor's statistics. No torch here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from retain.errors import PolicyError

EPSILON = 1e-8
"""What LeRobot's normalizer adds to a standard deviation."""

_IMAGES = "observation.images."


@dataclass(frozen=True)
class ImageStatistics:
    """Per colour (red, green, blue) of pictures in [0, 1]: `normalized = (picture - mean) / (std + EPSILON)`."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            PolicyError: There are not three, one is not finite, or a standard deviation is negative.
        """
        for what, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != 3 or not np.isfinite(values).all():
                raise PolicyError(f"a picture's {what} is {list(values)}, expected three finite numbers")
        if min(self.std) < 0:
            raise PolicyError(f"a picture's std is {list(self.std)}, expected three numbers, 0 or more")


IMAGENET = ImageStatistics((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Of the pictures that LeRobot's ResNet was pretrained on; `lerobot-train` puts them in the place of the dataset's."""

IDENTITY = ImageStatistics((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
"""Pictures in [0, 1] as they are."""


def read_image_statistics(
    statistics: Mapping[str, Any], role: str, mode: Literal["MEAN_STD", "IDENTITY"] = "MEAN_STD"
) -> ImageStatistics:
    """A camera's statistics from a preprocessor's tensors.

    Args:
        statistics: `observation.images.<role>.mean` and `.std`, float (3, 1, 1) or (3,).
        role: The camera's.
        mode: The policy's `normalization_mapping` of VISUAL.

    Raises:
        PolicyError: They are missing, which LeRobot would pass over in silence, or are not three numbers.
    """
    if mode == "IDENTITY":
        return IDENTITY
    if mode != "MEAN_STD":
        raise PolicyError(f"pictures are normalized by {mode}; ACT is run with MEAN_STD or IDENTITY")
    read = []
    for name in ("mean", "std"):
        key = f"{_IMAGES}{role}.{name}"
        if key not in statistics:
            raise PolicyError(f"the preprocessor's statistics lack {key}; copy the whole policy directory")
        read.append(tuple(float(value) for value in np.asarray(statistics[key]).reshape(-1)))
    return ImageStatistics(*read)  # type: ignore[arg-type]  # its own check counts them
