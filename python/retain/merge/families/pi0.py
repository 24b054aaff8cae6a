"""π0, π0.5 and π0-FAST, from LeRobot (names begin with `model.`) or openpi's PyTorch converter (they do not).

The multi-modal projector counts as vision; the state, action and time projections count as action, as in RETAIN's code.
π0-FAST has no action expert: its action component is empty.
"""

import re
from collections.abc import Mapping
from typing import Any

from retain.merge.families.family import Family
from retain.merge.families.heads import FLOW, STATE_AS_TEXT, TOKENS, Heads
from retain.merge.families.stack import stack

_PALIGEMMA = r"paligemma_with_expert\.paligemma\."
# LeRobot and openpi spell the language model's place in the transformers class differently between versions.
_LANGUAGE = _PALIGEMMA + r"(?:model\.)?language_model\."
_VISION = _PALIGEMMA + r"(?:model\.)?vision_tower\.vision_model\."
_PROJECTOR = _PALIGEMMA + r"(?:model\.)?multi_modal_projector\..+"
_EXPERT = r"paligemma_with_expert\.gemma_expert\."
_IN = r"(?:state_proj|action_in_proj|(?:action_)?time_mlp_(?:in|out))\.(?:weight|bias)"
_MEMORY = r"proprio_history_proj\.(?:weight|bias)"  # π0.5 with a memory of past states: tokens of the language model
_OUT = r"action_out_proj\.(?:weight|bias)"


def _heads(config: Mapping[str, Any]) -> Heads:
    kind = config.get("type")
    if kind == "pi0":
        return Heads(inputs={"observation.state": ("state_proj",)}, refusals={"action": FLOW})
    if config.get("use_proprioceptive_memory"):
        return Heads(refusals={"action": FLOW, "observation.state": "it remembers normalized states of the past"})
    return Heads(refusals={"action": TOKENS if kind == "pi0_fast" else FLOW, "observation.state": STATE_AS_TEXT})


PI0 = Family(
    name="pi0",
    config_types=frozenset({"pi0", "pi05", "pi0_fast"}),
    components={
        "vision": re.compile(rf"{_VISION}.+|{_PROJECTOR}"),
        "language": re.compile(rf"{_LANGUAGE}.+|{_PALIGEMMA}lm_head\.weight"),
        "action": re.compile(rf"{_EXPERT}.+|{_IN}|{_MEMORY}|{_OUT}"),
    },
    prefixes=("model.",),
    aliases=(
        ("paligemma_with_expert.paligemma.lm_head.weight",
         "paligemma_with_expert.paligemma.model.language_model.embed_tokens.weight"),
        ("model.paligemma_with_expert.paligemma.lm_head.weight",
         "model.paligemma_with_expert.paligemma.model.language_model.embed_tokens.weight"),
    ),
    stacks=(
        stack(
            _VISION + r"encoder\.layers\.(\d+)\..+",
            before=_VISION + r"embeddings\..+",
            after=rf"{_VISION}(?:post_layernorm|head)\..+|{_PROJECTOR}",
        ),
        stack(
            _LANGUAGE + r"(?:model\.)?layers\.(\d+)\..+",
            before=rf"{_LANGUAGE}(?:model\.)?embed_tokens\..+|{_MEMORY}",
            after=rf"{_LANGUAGE}(?:(?:model\.)?norm|lm_head)\..+|{_PALIGEMMA}lm_head\..+",
        ),
        stack(
            _EXPERT + r"model\.layers\.(\d+)\..+",
            before=rf"{_EXPERT}model\.embed_tokens\..+|{_IN}",
            after=rf"{_EXPERT}(?:model\.norm|lm_head)\..+|{_OUT}",
        ),
    ),
    heads=_heads,
    must_agree=(
        "normalization_mapping",
        "use_relative_actions",
        "relative_exclude_joints",
        "use_delta_joint_actions_aloha",
        "adapt_to_pi_aloha",
        "use_proprioceptive_memory",
        "action_tokenizer_name",
        "min_period",
        "max_period",
    ),
)  # fmt: skip
