"""What a dataset holds per frame: LeRobot's feature dictionaries as a checked, frozen type."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retain.errors import DatasetError

NUMERIC = {"float32", "float64", "int64", "int32", "bool"}
PICTURES = {"image", "video"}
_LARGEST = 1 << 16


@dataclass(frozen=True)
class Feature:
    """One named column of a dataset.

    Attributes:
        dtype: "image" (PNG in parquet), "video" (mp4), or a numeric type's name.
        shape: Of one frame: (H, W, 3) for pictures, (D,) for vectors.
        names: One name per channel of a vector, ("height", "width", "channels") for pictures, or None.
    """

    dtype: str
    shape: tuple[int, ...]
    names: tuple[str, ...] | None = None

    @property
    def is_picture(self) -> bool:
        """Whether a frame of it is an RGB picture, however it is stored."""
        return self.dtype in PICTURES

    def as_json(self) -> dict[str, Any]:
        """The dictionary that stands in info.json."""
        return {
            "dtype": self.dtype,
            "shape": list(self.shape),
            "names": None if self.names is None else list(self.names),
        }


def vector(names: Sequence[str], dtype: str = "float32") -> Feature:
    """A vector with one named channel per element, in this order."""
    return Feature(dtype, (len(names),), tuple(names))


def camera(height: int, width: int, dtype: str = "image") -> Feature:
    """RGB frames of this size [px], kept losslessly as PNG ("image") or as mp4 ("video")."""
    return Feature(dtype, (height, width, 3), ("height", "width", "channels"))


# The columns LeRobot adds to every dataset, in its order.
BOOKKEEPING = {
    "timestamp": Feature("float32", (1,)),
    "frame_index": Feature("int64", (1,)),
    "episode_index": Feature("int64", (1,)),
    "index": Feature("int64", (1,)),
    "task_index": Feature("int64", (1,)),
}


def parse_feature(name: str, value: "Feature | Mapping[str, Any]") -> Feature:
    """Read a LeRobot feature dictionary.

    Names are kept where LeRobot's two spellings, a list or {"motors": [...]}, give one per channel. Pictures whose
    names say that channels come first, as in some v2 datasets, are given with channels last, as they are decoded.

    Raises:
        DatasetError: A key is missing or of the wrong kind.
    """
    if isinstance(value, Feature):
        return value
    try:
        dtype, shape = str(value["dtype"]), tuple(int(size) for size in value["shape"])
        names = value.get("names")
        if isinstance(names, Mapping):
            lists = [item for item in names.values() if isinstance(item, list)]
            names = lists[0] if len(lists) == 1 else None
        texts = None if names is None else tuple(str(item) for item in names)
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise DatasetError(
            f"feature {name!r} is {value!r}; expected a dictionary with dtype, shape and names"
        ) from error
    if any(not 1 <= size <= _LARGEST for size in shape) or (dtype in PICTURES and len(shape) != 3):
        raise DatasetError(
            f"feature {name!r} has shape {shape}; expected sizes of 1 to {_LARGEST}, 3 of them for pictures"
        )
    if dtype in PICTURES and texts is not None and texts[:1] in (("channel",), ("channels",)) and len(texts) == 3:
        shape, texts = (*shape[1:], shape[0]), (*texts[1:], texts[0])
    return Feature(dtype, shape, texts)


def check_writable(name: str, feature: Feature) -> None:
    """Raise DatasetError unless DatasetWriter can store this feature."""
    if name in BOOKKEEPING:
        raise DatasetError(f"feature {name!r} is written by retain itself; leave it out of features")
    if not name or "/" in name:
        raise DatasetError(f"feature {name!r} cannot be a column name; expected letters, digits, dots, no '/'")
    if feature.is_picture:
        if len(feature.shape) != 3 or feature.shape[2] != 3:
            raise DatasetError(f"feature {name!r} has shape {feature.shape}; expected (height, width, 3)")
        if feature.dtype == "video" and (feature.shape[0] % 2 or feature.shape[1] % 2):
            raise DatasetError(
                f"feature {name!r} is {feature.shape[0]}x{feature.shape[1]}; video needs even sizes, use dtype image"
            )
        return
    if feature.dtype not in NUMERIC:
        raise DatasetError(
            f"feature {name!r} has dtype {feature.dtype!r}; expected image, video or {', '.join(sorted(NUMERIC))}"
        )
    if len(feature.shape) != 1 or feature.shape[0] < 1:
        raise DatasetError(f"feature {name!r} has shape {feature.shape}; expected one dimension, such as (7,)")
    if feature.names is not None and len(feature.names) != feature.shape[0]:
        raise DatasetError(f"feature {name!r} has {len(feature.names)} names for {feature.shape[0]} channels")


def check_frames(name: str, feature: Feature, values: Any) -> NDArray[Any]:
    """One episode's values of a feature, [T, *shape] in the feature's dtype.

    Raises:
        DatasetError: Wrong shape or type, or a value that is not finite.
    """
    array = np.asarray(values)
    if array.shape[1:] != feature.shape:
        raise DatasetError(f"{name} has frames of shape {array.shape[1:]}; expected {feature.shape}")
    if feature.is_picture:
        if array.dtype != np.uint8:
            raise DatasetError(f"{name} is {array.dtype}; expected uint8 RGB")
        return array
    if array.dtype.kind not in "fiub":
        raise DatasetError(f"{name} is {array.dtype}; expected numbers")
    array = array.astype(feature.dtype, copy=False)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        frame, channel = (int(at) for at in np.argwhere(~np.isfinite(array))[0])
        where = feature.names[channel] if feature.names else f"channel {channel}"
        raise DatasetError(f"{name} is {array[frame, channel]} at frame {frame}, {where}; expected finite numbers")
    return array
