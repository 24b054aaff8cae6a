"""The evaluation suites: what is in distribution for a finetuned skill, and each way of leaving it.

Fixed before anything was trained. Every method is given the same episodes: an episode's seed depends on the suite, its
index and the evaluation's seed, on nothing else. Demonstrations come from a stream of their own.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from retain.errors import SimulationError
from retain.sim.skill import COLORS, PRETRAINING, RELATIONS, Skill
from retain.sim.variation import PRETRAINING_VARIATION, Region, Variation
from retain.sim.wording import instruction

ID_REGION: Final[Region] = (-0.15, -0.07, 0.05, 0.13)
"""The 8 × 8 cm patch, far left, in which demonstrations are given."""

ID_PAD_REGION: Final[Region] = (0.05, 0.13, -0.04, 0.04)

FAR_RIGHT: Final[Region] = (0.03, 0.17, 0.03, 0.17)
NEAR_LEFT: Final[Region] = (-0.17, -0.03, -0.17, -0.03)
NEAR_RIGHT: Final[Region] = (0.03, 0.17, -0.10, 0.03)
"""The other quadrants. One axis shifted is for choosing α, the other axis and both together are for testing."""

VERB_SHARES: Final = {"reach": 0.08, "lift": 0.12, "push": 0.35, "place": 0.45}
"""Share of each verb in pretraining: the more there is to tell apart, the more episodes."""

GENERALIST_COLORS: Final = 2
"""Colours of each pretraining relation in the generalist suite."""

Case = tuple[Skill, Variation]


@dataclass(frozen=True)
class Episode:
    """One trial: what, in which distribution, and the seed that draws it."""

    skill: Skill
    variation: Variation
    seed: int

    @property
    def task(self) -> str:
        """The skill in canonical words."""
        return instruction(self.skill)


def id_variation(skill: Skill) -> Variation:
    """Where demonstrations are given: a small patch, three colours, one look."""
    others = [color for color in ("red", "green", "blue") if color != skill.color][:2]
    return Variation(region=ID_REGION, pad_region=ID_PAD_REGION, palette=(skill.color, *others))


def _dark(variation: Variation) -> Variation:
    return replace(variation, light=0.6, table_rgb=(0.50, 0.52, 0.58), camera_shift_m=0.015)


def _bright(variation: Variation) -> Variation:
    return replace(variation, light=1.4, table_rgb=(0.60, 0.70, 0.55), camera_shift_m=0.015)


def _crowded(variation: Variation) -> Variation:
    return replace(variation, palette=tuple(COLORS), distractors=2)


def _moved(skill: Skill, *regions: Region) -> list[Case]:
    return [(skill, replace(id_variation(skill), region=region, pad_region=None)) for region in regions]


def _combined(skill: Skill) -> list[Case]:
    return [(skill, _dark(_crowded(variation))) for _, variation in _moved(skill, NEAR_LEFT, NEAR_RIGHT)]


def _generalist() -> list[Case]:
    colors, known = tuple(COLORS), set(PRETRAINING)
    skills = []
    for offset in range(GENERALIST_COLORS):
        for index, (verb, place) in enumerate(RELATIONS):
            # Walking through the colours at different paces gives each relation two of them, all evenly often.
            skill = Skill(verb, colors[(index + 3 * offset) % len(colors)], place)
            if skill in known:
                skills.append(skill)
    return [(skill, PRETRAINING_VARIATION) for skill in skills]


SUITES: Final[dict[str, Callable[[Skill], list[Case]]]] = {
    "id": lambda skill: [(skill, id_variation(skill))],
    "ood-val": lambda skill: _moved(skill, FAR_RIGHT),
    "ood-position": lambda skill: _moved(skill, NEAR_LEFT, NEAR_RIGHT),
    "ood-distractor": lambda skill: [(skill, _crowded(id_variation(skill)))],
    "ood-appearance": lambda skill: [(skill, _dark(id_variation(skill))), (skill, _bright(id_variation(skill)))],
    "ood-combined": _combined,
    "wording": lambda skill: [(skill, replace(id_variation(skill), wording="held-out"))],
    "generalist": lambda skill: _generalist(),
}
"""Suite → its cases for a skill; episodes go through them in turn."""


def suite(name: str, skill: Skill) -> list[Case]:
    """The cases of a suite.

    Raises:
        SimulationError: There is no such suite.
    """
    if name not in SUITES:
        raise SimulationError(f"there is no suite {name!r}; expected one of {', '.join(SUITES)}")
    return SUITES[name](skill)


def episodes(name: str, skill: Skill, n: int, seed: int) -> list[Episode]:
    """The first n episodes of a suite, the same for every method that is compared.

    Raises:
        SimulationError: There is no such suite.
    """
    return _numbered(suite(name, skill), name, n, seed)


def demonstrations(skill: Skill, n: int, seed: int, first: int = 0) -> list[Episode]:
    """Episodes number `first` … `first + n` of a stream to demonstrate a skill in.

    They are drawn as those of "id" are, and are never the same.
    """
    return _numbered(suite("id", skill), "demonstrations", n, seed, first)


def pretraining(n: int, seed: int, first: int = 0) -> list[Episode]:
    """Episodes number `first` … `first + n` of the pretraining mix: a verb by its share, then any of its skills."""
    verbs = list(VERB_SHARES)
    skills = {verb: [skill for skill in PRETRAINING if skill.verb == verb] for verb in verbs}
    up_to = np.cumsum(list(VERB_SHARES.values()))
    drawn = []
    for index in range(first, first + n):
        scene_seed = episode_seed("pretraining", seed, index)
        rng = np.random.default_rng([scene_seed, 2])
        # What rng.choice(verbs, p=…) draws. That swallows a Ctrl-C: it drops an exception raised while it checks p.
        candidates = skills[verbs[int(np.searchsorted(up_to / up_to[-1], rng.random(), side="right"))]]
        drawn.append(Episode(candidates[int(rng.integers(len(candidates)))], PRETRAINING_VARIATION, scene_seed))
    return drawn


def _numbered(cases: list[Case], stream: str, n: int, seed: int, first: int = 0) -> list[Episode]:
    return [Episode(*cases[index % len(cases)], episode_seed(stream, seed, index)) for index in range(first, first + n)]


def episode_seed(stream: str, seed: int, index: int) -> int:
    """The seed of one episode: of the stream's name, the evaluation's seed and the index, and of nothing else."""
    return int(np.random.SeedSequence([zlib.crc32(stream.encode()), seed, index]).generate_state(1)[0])
