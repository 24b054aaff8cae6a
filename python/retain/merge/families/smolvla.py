"""SmolVLA. The connector counts as vision; state, action and time projections count as action.

Its finetuning freezes the vision-language model by default: then only `action` differs between base and finetuned.
"""

import re
from collections.abc import Mapping
from typing import Any

from retain.merge.families.family import Family
from retain.merge.families.heads import FLOW, Heads
from retain.merge.families.stack import stack

_VLM = r"model\.vlm_with_expert\.vlm\."
_EXPERT = r"model\.vlm_with_expert\.lm_expert\."
_IN = r"model\.(?:state_proj|action_in_proj|action_time_mlp_(?:in|out))\.(?:weight|bias)"
_OUT = r"model\.action_out_proj\.(?:weight|bias)"


def _heads(config: Mapping[str, Any]) -> Heads:
    if config.get("adapt_to_pi_aloha"):
        return Heads(refusals={"action": FLOW, "observation.state": "its normalized state is bent for ALOHA's gripper"})
    return Heads(inputs={"observation.state": ("model.state_proj",)}, refusals={"action": FLOW})


SMOLVLA = Family(
    name="smolvla",
    config_types=frozenset({"smolvla"}),
    components={
        "vision": re.compile(_VLM + r"model\.(?:vision_model|connector)\..+"),
        "language": re.compile(_VLM + r"(?:model\.text_model\..+|lm_head\.weight)"),
        "action": re.compile(rf"{_EXPERT}.+|{_IN}|{_OUT}"),
    },
    aliases=(
        (
            "model.vlm_with_expert.vlm.lm_head.weight",
            "model.vlm_with_expert.vlm.model.text_model.embed_tokens.weight",
        ),
    ),
    stacks=(
        stack(
            _VLM + r"model\.vision_model\.encoder\.layers\.(\d+)\..+",
            before=_VLM + r"model\.vision_model\.embeddings\..+",
            after=_VLM + r"model\.(?:vision_model\.post_layernorm|connector)\..+",
        ),
        # The state is a token of the language model's input.
        stack(
            _VLM + r"model\.text_model\.layers\.(\d+)\..+",
            before=_VLM + r"model\.text_model\.embed_tokens\..+|model\.state_proj\..+",
            after=_VLM + r"(?:model\.text_model\.norm|lm_head)\..+",
        ),
        stack(_EXPERT + r"layers\.(\d+)\..+", before=_IN, after=rf"{_EXPERT}norm\..+|{_OUT}"),
    ),
    heads=_heads,
    must_agree=(
        "normalization_mapping",
        "use_delta_joint_actions_aloha",
        "adapt_to_pi_aloha",
        "attention_mode",
        "self_attn_every_n_layers",
        "min_period",
        "max_period",
    ),
)
