"""compact, the built-in policy: its tensor names begin with their component."""

import re
from collections.abc import Mapping
from typing import Any

from retain.merge.families.family import Family
from retain.merge.families.heads import FLOW, Heads
from retain.merge.families.stack import stack


def _heads(config: Mapping[str, Any]) -> Heads:
    return Heads(refusals={"action": FLOW})


COMPACT = Family(
    name="compact",
    config_types=frozenset({"compact"}),
    components={name: re.compile(rf"{name}\..+") for name in ("vision", "language", "action")},
    stacks=(
        stack(r"vision\.conv(\d+)\..+", after=r"vision\.(?:gain|static_queries|position|project\..+)"),
        stack(
            r"language\.encoder\.(\d+)\..+",
            r"language\.(?:encoder_norm|backbone\.(\d+))\..+",
            before=r"language\.(?:position|(?:words|query_in|query_out)\..+)",
            after=r"language\.backbone_norm\..+",
        ),
        stack(
            r"action\.(?:kv|layers)\.(\d+)\..+",
            before=r"action\.(?:row_position|(?:state|state_memory|rows|time_in|time_out)\..+)",
            after=r"action\.(?:norm|velocity|outlook)\..+",
        ),
    ),
    heads=_heads,
    must_agree=(
        "architecture",
        "normalization_mapping",
        "state_names",
        "state_units",
        "action_feature_names",
        "action_units",
        "action_modes",
        "dt_s",
    ),
)
