"""What the robot can be asked to do: a verb, a coloured block and, for push and place, where.

Every skill is a combination of few words, and most combinations are in the pretraining mix. The ones held out are new
combinations of words that pretraining knows, so that ten demonstrations can teach them.
"""

from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np

from retain.errors import SimulationError

VERBS: Final = ("reach", "lift", "push", "place")

COLORS: Final[dict[str, tuple[float, float, float]]] = {
    "red": (0.9, 0.1, 0.1),
    "green": (0.1, 0.75, 0.15),
    "blue": (0.1, 0.2, 0.95),
    "yellow": (0.95, 0.85, 0.1),
    "purple": (0.6, 0.1, 0.7),
    "orange": (1.0, 0.5, 0.05),
    "cyan": (0.1, 0.8, 0.85),
    "pink": (1.0, 0.55, 0.75),
}
"""Colour word → RGB of the block, each in [0, 1]."""

_DIAGONAL = float(np.sqrt(0.5))
DIRECTIONS: Final[dict[str, tuple[float, float]]] = {
    "left": (-1.0, 0.0),
    "right": (1.0, 0.0),
    "far": (0.0, 1.0),
    "near": (0.0, -1.0),
    "far left": (-_DIAGONAL, _DIAGONAL),
    "far right": (_DIAGONAL, _DIAGONAL),
    "near left": (-_DIAGONAL, -_DIAGONAL),
    "near right": (_DIAGONAL, -_DIAGONAL),
}
"""Direction word(s) → unit vector on the table, x to the right and y away from the camera."""

PAD: Final = "pad"
PLACES: Final = (*DIRECTIONS, PAD)


@dataclass(frozen=True, order=True)
class Skill:
    """One thing to do.

    Attributes:
        verb: One of `VERBS`.
        color: One of `COLORS`.
        place: One of `DIRECTIONS` for push, one of `PLACES` for place, None for reach and lift.

    Raises:
        SimulationError: The words do not make a skill.
    """

    verb: str
    color: str
    place: str | None = None

    def __post_init__(self) -> None:
        if self.verb not in VERBS:
            raise SimulationError(f"there is no verb {self.verb!r}; expected one of {', '.join(VERBS)}")
        if self.color not in COLORS:
            raise SimulationError(f"there is no {self.color!r} block; expected one of {', '.join(COLORS)}")
        allowed: tuple[str | None, ...] = {"push": tuple(DIRECTIONS), "place": PLACES}.get(self.verb, (None,))
        if self.place not in allowed:
            names = ", ".join(str(place) for place in allowed)
            raise SimulationError(f"{self.verb!r} does not go with the place {self.place!r}; expected one of {names}")

    @property
    def relation(self) -> tuple[str, str | None]:
        """The skill without its colour: what is done, and where."""
        return self.verb, self.place


RELATIONS: Final[tuple[tuple[str, str | None], ...]] = (
    ("reach", None),
    ("lift", None),
    *(("push", place) for place in DIRECTIONS),
    *(("place", place) for place in PLACES),
)

SKILLS: Final = tuple(Skill(verb, color, place) for (verb, place), color in product(RELATIONS, COLORS))

DEMO_SKILL: Final = Skill("place", "red", "near right")

# Two whole relations (no colour of them is in pretraining) and two single combinations whose relation pretraining
# knows in the seven other colours: the first two must be learnt, the last two only transferred.
_HELD_OUT_RELATIONS = (("place", "near right"), ("push", "far left"))
_HELD_OUT_SINGLES = (Skill("place", "purple", PAD), Skill("lift", "orange"))

HELD_OUT: Final = (
    DEMO_SKILL,
    *(skill for skill in SKILLS if skill.relation in _HELD_OUT_RELATIONS and skill != DEMO_SKILL),
    *_HELD_OUT_SINGLES,
)
"""Skills that pretraining never shows. Every word of theirs occurs in pretraining. The demo's skill comes first."""

PRETRAINING: Final = tuple(skill for skill in SKILLS if skill not in HELD_OUT)
"""Skills of the base policy's mix."""
