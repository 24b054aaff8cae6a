"""Policy families: which tensor is vision, language or action. A new family is a file here and a line in FAMILIES."""

from collections.abc import Collection, Mapping
from typing import Any

from retain.merge.families.act import ACT
from retain.merge.families.compact import COMPACT
from retain.merge.families.family import Family
from retain.merge.families.pi0 import PI0
from retain.merge.families.smolvla import SMOLVLA

FAMILIES: tuple[Family, ...] = (COMPACT, PI0, SMOLVLA, ACT)

__all__ = ["ACT", "COMPACT", "FAMILIES", "PI0", "SMOLVLA", "Family", "detect_family"]


def detect_family(config: Mapping[str, Any], names: Collection[str]) -> Family | None:
    """The family that config.json names, else the one whose patterns match every tensor exactly once, else None."""
    declared = config.get("type", config.get("model_type"))
    for family in FAMILIES:
        if isinstance(declared, str) and declared in family.config_types:
            return family
    return next((family for family in FAMILIES if names and all(len(family.claims(name)) == 1 for name in names)), None)
