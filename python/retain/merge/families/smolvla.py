"""SmolVLA. The connector counts as vision; state, action and time projections count as action.

Its finetuning freezes the vision-language model by default: then only `action` differs between base and finetuned.
"""

import re

from retain.merge.families.family import Family

_VLM = r"model\.vlm_with_expert\.vlm\."
_IO = r"(?:state_proj|action_in_proj|action_out_proj|action_time_mlp_(?:in|out))\.(?:weight|bias)"

SMOLVLA = Family(
    name="smolvla",
    config_types=frozenset({"smolvla"}),
    components={
        "vision": re.compile(_VLM + r"model\.(?:vision_model|connector)\..+"),
        "language": re.compile(_VLM + r"(?:model\.text_model\..+|lm_head\.weight)"),
        "action": re.compile(rf"model\.(?:vlm_with_expert\.lm_expert\..+|{_IO})"),
    },
    aliases=(
        (
            "model.vlm_with_expert.vlm.lm_head.weight",
            "model.vlm_with_expert.vlm.model.text_model.embed_tokens.weight",
        ),
    ),
    must_agree=("normalization_mapping", "use_delta_joint_actions_aloha", "adapt_to_pi_aloha"),
)
