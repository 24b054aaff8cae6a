"""Policy families: which tensor is vision, language or action. A new family is a file here and a line in FAMILIES."""

from collections.abc import Collection, Mapping
from typing import Any

from retain.checkpoint.statistics import STATISTICS_BUFFER
from retain.merge.families.act import ACT
from retain.merge.families.compact import COMPACT
from retain.merge.families.diffusion import DIFFUSION
from retain.merge.families.family import Family
from retain.merge.families.groot import GROOT
from retain.merge.families.heads import Heads
from retain.merge.families.openvla import OPENVLA
from retain.merge.families.pi0 import PI0
from retain.merge.families.pi0_jax import PI0_JAX
from retain.merge.families.running_statistics import is_running_statistic
from retain.merge.families.smolvla import SMOLVLA
from retain.merge.families.stack import Stack

FAMILIES: tuple[Family, ...] = (COMPACT, PI0, PI0_JAX, SMOLVLA, GROOT, OPENVLA, ACT, DIFFUSION)

__all__ = ["FAMILIES", "Family", "Heads", "Stack", "detect_family", "is_running_statistic"]


def detect_family(config: Mapping[str, Any], names: Collection[str]) -> Family | None:
    """The family that config.json names, else the only one whose patterns match every tensor once, else None."""
    declared = config.get("type", config.get("model_type"))
    for family in FAMILIES:
        if isinstance(declared, str) and declared in family.config_types:
            return family
    # Statistics that old LeRobot saved among the weights belong to no family.
    names = [name for name in names if not STATISTICS_BUFFER.fullmatch(name)]
    fitting = [family for family in FAMILIES if names and all(len(family.claims(name)) == 1 for name in names)]
    return fitting[0] if len(fitting) == 1 else None
