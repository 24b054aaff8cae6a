"""π0, π0.5 and π0-FAST, from LeRobot (names begin with `model.`) or openpi's PyTorch converter (they do not).

The multi-modal projector counts as vision; the state, action and time projections count as action, as in RETAIN's code.
π0-FAST has no action expert: its action component is empty.
"""

import re

from retain.merge.families.family import Family

_PREFIX = r"(?:model\.)?"
_PALIGEMMA = _PREFIX + r"paligemma_with_expert\.paligemma\."
# LeRobot and openpi spell the language model's place in the transformers class differently between versions.
_LANGUAGE = _PALIGEMMA + r"(?:(?:model\.)?language_model\..+|lm_head\.weight)"
_VISION = _PALIGEMMA + r"(?:model\.)?(?:vision_tower|multi_modal_projector)\..+"
_EXPERT = r"paligemma_with_expert\.gemma_expert\..+"
_IO = r"(?:state_proj|action_in_proj|action_out_proj|action_time_mlp_(?:in|out)|time_mlp_(?:in|out))\.(?:weight|bias)"

PI0 = Family(
    name="pi0",
    config_types=frozenset({"pi0", "pi05", "pi0_fast"}),
    components={
        "vision": re.compile(_VISION),
        "language": re.compile(_LANGUAGE),
        "action": re.compile(rf"{_PREFIX}(?:{_EXPERT}|{_IO})"),
    },
    aliases=tuple(
        (f"{prefix}paligemma_with_expert.paligemma.lm_head.weight",
         f"{prefix}paligemma_with_expert.paligemma.model.language_model.embed_tokens.weight")
        for prefix in ("", "model.")
    ),
    must_agree=("normalization_mapping", "use_relative_actions", "use_delta_joint_actions_aloha", "adapt_to_pi_aloha"),
)  # fmt: skip
