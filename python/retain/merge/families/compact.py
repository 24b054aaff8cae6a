"""compact, the built-in policy: its tensor names begin with their component."""

import re

from retain.merge.families.family import Family

COMPACT = Family(
    name="compact",
    config_types=frozenset({"compact"}),
    components={name: re.compile(rf"{name}\..+") for name in ("vision", "language", "action")},
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
