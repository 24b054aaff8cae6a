"""The MuJoCo tabletop suite: a six-joint arm with a suction cup, coloured blocks, a pad, and instructions in words."""

import importlib
from typing import TYPE_CHECKING, Any

from retain.sim.arm import CHANNELS, JOINTS, LIMITS, JointLimits
from retain.sim.skill import COLORS, DEMO_SKILL, HELD_OUT, PRETRAINING, SKILLS, Skill
from retain.sim.suites import SUITES, Episode, demonstrations, episodes, pretraining, suite
from retain.sim.variation import PRETRAINING_VARIATION, Variation
from retain.sim.wording import instruction, parse_instruction

if TYPE_CHECKING:
    from retain.sim.environment import TabletopEnv
    from retain.sim.experts import expert_action
    from retain.sim.handover import SceneHandover
    from retain.sim.record import record_episode, record_episodes
    from retain.sim.recording import Recording
    from retain.sim.tabletop import MAX_STEPS, Tabletop

__all__ = [
    "CHANNELS",
    "COLORS",
    "DEMO_SKILL",
    "HELD_OUT",
    "JOINTS",
    "LIMITS",
    "MAX_STEPS",
    "PRETRAINING",
    "PRETRAINING_VARIATION",
    "SKILLS",
    "SUITES",
    "Episode",
    "JointLimits",
    "Recording",
    "SceneHandover",
    "Skill",
    "Tabletop",
    "TabletopEnv",
    "Variation",
    "demonstrations",
    "episodes",
    "expert_action",
    "instruction",
    "parse_instruction",
    "pretraining",
    "record_episode",
    "record_episodes",
    "suite",
]

# These need MuJoCo; skills, suites and wordings do not.
_NEEDS_SIMULATOR = {
    "MAX_STEPS": "tabletop",
    "Recording": "recording",
    "SceneHandover": "handover",
    "Tabletop": "tabletop",
    "TabletopEnv": "environment",
    "expert_action": "experts",
    "record_episode": "record",
    "record_episodes": "record",
}


def __getattr__(name: str) -> Any:
    if name not in _NEEDS_SIMULATOR:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_NEEDS_SIMULATOR[name]}"), name)
