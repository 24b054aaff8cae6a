"""What may differ from one episode to the next: where things are, what lies around, how it looks, how it is said."""

from dataclasses import dataclass
from typing import Final

from retain.errors import SimulationError
from retain.sim.skill import COLORS
from retain.sim.wording import Wording

Region = tuple[float, float, float, float]
"""(x_min, x_max, y_min, y_max) on the table, m."""

EVERYWHERE: Final[Region] = (-0.17, 0.17, -0.17, 0.17)
"""Where blocks may lie at the start, m. Goals are further out, at 0.21 to 0.25 m from the centre."""

USUAL_OTHERS: Final = 2
"""Blocks beside the target in every scene."""

MAX_DISTRACTORS: Final = 2
"""Blocks that a variation may add to the usual ones."""


@dataclass(frozen=True)
class Variation:
    """The distribution that an episode's scene is drawn from.

    Attributes:
        region: Where the target block starts, None for everywhere.
        pad_region: Where the pad lies, None for everywhere.
        palette: Colours of the other blocks; the target's own colour is never among them.
        distractors: Blocks added to the usual two.
        light: Brightness of the lights, 1 as in pretraining.
        table_rgb: The table's colour, None for the usual one.
        camera_shift_m: The camera is moved this far in a random direction, m.
        look_noise: Random changes of light, table colour and camera in every episode; 1 means about ±30 %, ±0.15 and
            ±2 cm.
        wording: Which wordings the instruction is drawn from.

    Raises:
        SimulationError: A value that no scene can have.
    """

    region: Region | None = None
    pad_region: Region | None = None
    palette: tuple[str, ...] = tuple(COLORS)
    distractors: int = 0
    light: float = 1.0
    table_rgb: tuple[float, float, float] | None = None
    camera_shift_m: float = 0.0
    look_noise: float = 0.0
    wording: Wording = "train"

    def __post_init__(self) -> None:
        for name, region in (("region", self.region), ("pad_region", self.pad_region)):
            if region is not None and not _inside(region, EVERYWHERE):
                raise SimulationError(f"{name} {region} is not (x_min, x_max, y_min, y_max) inside {EVERYWHERE} m")
        if unknown := [color for color in self.palette if color not in COLORS]:
            raise SimulationError(f"palette has unknown colours {unknown}; expected some of {', '.join(COLORS)}")
        if not 0 <= self.distractors <= MAX_DISTRACTORS:
            raise SimulationError(f"distractors is {self.distractors}; expected 0 to {MAX_DISTRACTORS}")
        if len(set(self.palette)) < USUAL_OTHERS + self.distractors + 1:
            raise SimulationError(
                f"{USUAL_OTHERS + self.distractors} other blocks of different colours need a palette of one more;"
                f" found {len(set(self.palette))} colours"
            )
        if min(self.light, self.camera_shift_m, self.look_noise) < 0:
            raise SimulationError("light, camera_shift_m and look_noise cannot be negative")


def _inside(inner: Region, outer: Region) -> bool:
    x0, x1, y0, y1 = inner
    return outer[0] <= x0 < x1 <= outer[1] and outer[2] <= y0 < y1 <= outer[3]


PRETRAINING_VARIATION: Final = Variation(look_noise=0.5)
"""Everywhere, all colours, all training wordings, and looks that differ a little."""
