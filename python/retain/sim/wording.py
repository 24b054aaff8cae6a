"""How skills are said: several wordings seen in pretraining, and paraphrases of the same words that are not."""

import re
from typing import Final, Literal

import numpy as np

from retain.errors import SimulationError
from retain.sim.skill import PAD, SKILLS, Skill

Wording = Literal["canonical", "train", "held-out"]

TRAIN_TEMPLATES: Final[dict[str, tuple[str, ...]]] = {
    "reach": ("reach the {color} block", "go to the {color} block", "touch the {color} block"),
    "lift": ("lift the {color} block", "pick up the {color} block", "lift the {color} block up"),
    "push": (
        "push the {color} block {place}",
        "slide the {color} block {place}",
        "push the {color} block to the {place}",
    ),
    "place": ("place the {color} block {place}", "put the {color} block {place}", "put down the {color} block {place}"),
}
"""Wordings of pretraining, by verb; the first of each is canonical."""

HELD_OUT_TEMPLATES: Final[dict[str, tuple[str, ...]]] = {
    "reach": ("go touch the {color} block", "reach to the {color} block"),
    "lift": ("pick the {color} block up", "lift up the {color} block"),
    "push": ("slide the {color} block to the {place}",),
    "place": ("place the {color} block down {place}", "put the {color} block down {place}"),
}
"""Paraphrases never used in pretraining, made of its words."""


def _fill(template: str, skill: Skill) -> str:
    return template.format(color=skill.color, place="on the pad" if skill.place == PAD else skill.place)


def wordings(skill: Skill, wording: Wording) -> tuple[str, ...]:
    """All the ways to say a skill in one set of wordings."""
    templates = HELD_OUT_TEMPLATES if wording == "held-out" else TRAIN_TEMPLATES
    texts = tuple(_fill(template, skill) for template in templates[skill.verb])
    return texts[:1] if wording == "canonical" else texts


def instruction(skill: Skill, wording: Wording = "canonical", rng: np.random.Generator | None = None) -> str:
    """The words for a skill.

    Args:
        skill: What to ask for.
        wording: Which set of wordings to draw from.
        rng: Draws one of the set; without it the set's first is taken.
    """
    texts = wordings(skill, wording)
    return texts[0] if rng is None else texts[int(rng.integers(len(texts)))]


_PARSED: Final[dict[str, Skill]] = {
    text: skill for skill in SKILLS for wording in ("train", "held-out") for text in wordings(skill, wording)
}
_COMMAS: Final = re.compile(r"[,.!]")


def parse_instruction(text: str) -> Skill:
    """The skill that an instruction asks for, in any of the known wordings.

    Raises:
        SimulationError: No wording of any skill reads like this.
    """
    skill = _PARSED.get(" ".join(_COMMAS.sub(" ", text.lower()).split()))
    if skill is None:
        raise SimulationError(
            f"the tabletop does not understand {text!r}; say it like {instruction(SKILLS[0])!r} or"
            f" {instruction(Skill('place', 'red', PAD))!r} (retain.sim.wording lists all wordings)"
        )
    return skill
