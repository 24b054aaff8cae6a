"""GR00T N1 to N1.7, from NVIDIA or from LeRobot (names begin with `_groot_model.`).

Vision is the image encoder with its projector, action the whole diffusion head with what adapts the language model's
output to it. The head's `.W` and `.b` hold one layer per robot: row i belongs to the robot that embodiment_id.json
gives the number i. Finetuning leaves the language model frozen by default.
"""

import re
from collections.abc import Mapping
from typing import Any

from retain.merge.families.family import Family
from retain.merge.families.heads import FLOW, Heads
from retain.merge.families.stack import stack

# N1 and N1.6: backbone.model (Eagle); N1.5: backbone.eagle_model (Eagle 2.5); N1.7: backbone.model.model (Qwen3-VL).
_EAGLE = r"backbone\.(?:eagle_model|model)\."
_QWEN = r"backbone\.model\.model\."
_VISION = rf"(?:{_EAGLE}vision_model|{_QWEN}visual)\."
_PROJECTOR = rf"(?:{_EAGLE}mlp1|{_QWEN}visual\.(?:merger|deepstack_merger_list))\..+"
_LANGUAGE = rf"(?:{_EAGLE}language_model\.(?:model\.)?|{_QWEN}language_model\.)"
_LM_HEAD = r"backbone\.(?:(?:eagle_model|model)\.language_model\.|model\.)lm_head\..+"
_ADAPTER = r"backbone\.(?:eagle_linear|linear)\..+"
_HEAD = r"action_head\."
_DIT = _HEAD + r"model\."
_PROCESSING = (
    "use_relative_action",
    "use_relative_actions",
    "use_percentiles",
    "use_mean_std",
    "clip_outliers",
    "apply_sincos_state_encoding",
    "exclude_state",
)


def _heads(config: Mapping[str, Any]) -> Heads:
    return Heads(refusals={"action": FLOW, "observation.state": "its normalized state is clipped"})


def _tied(eagle: str) -> tuple[tuple[str, str], ...]:
    head, embedding = f"{eagle}.lm_head.weight", f"{eagle}.model.embed_tokens.weight"
    return tuple((prefix + head, prefix + embedding) for prefix in ("", "_groot_model."))


GROOT = Family(
    name="groot",
    config_types=frozenset({"groot", "gr00t_n1", "gr00t_n1_5", "Gr00tN1d6", "Gr00tN1d7"}),
    components={
        "vision": re.compile(rf"{_VISION}.+|{_PROJECTOR}"),
        "language": re.compile(rf"{_LANGUAGE}(?!lm_head\.).+|{_LM_HEAD}"),
        "action": re.compile(rf"{_HEAD}.+|{_ADAPTER}"),
    },
    prefixes=("_groot_model.",),
    aliases=(
        *_tied("backbone.eagle_model.language_model"),
        *_tied("backbone.model.language_model"),
        ("backbone.model.lm_head.weight", "backbone.model.model.language_model.embed_tokens.weight"),
        (
            "_groot_model.backbone.model.lm_head.weight",
            "_groot_model.backbone.model.model.language_model.embed_tokens.weight",
        ),
    ),
    rows=re.compile(_HEAD + r"(?:state_encoder|action_encoder|action_decoder)\.\w+\.[Wb]"),
    stacks=(
        stack(
            _VISION + r"(?:vision_model\.encoder\.layers|blocks)\.(\d+)\..+",
            before=_VISION + r"(?:vision_model\.embeddings|patch_embed|pos_embed)\..+",
            after=rf"{_VISION}vision_model\.(?:post_layernorm|head)\..+|{_PROJECTOR}",
        ),
        stack(
            _LANGUAGE + r"layers\.(\d+)\..+",
            before=_LANGUAGE + r"embed_tokens\..+",
            after=rf"{_LANGUAGE}norm\..+|{_LM_HEAD}",
        ),
        stack(
            _HEAD + r"vl_self_attention\.transformer_blocks\.(\d+)\..+",
            before=rf"{_ADAPTER}|{_HEAD}vlln\..+",
        ),
        stack(
            _DIT + r"transformer_blocks\.(\d+)\..+",
            # In N1.6 no layers of their own adapt the language model's output.
            before=rf"{_ADAPTER}|"
            + _HEAD
            + r"(?:(?:vlln|model\.timestep_encoder|state_encoder|action_encoder|future_tokens|position_embedding)\..+"
            r"|mask_token)",
            after=_HEAD + r"(?:model\.proj_out_[12]|action_decoder)\..+",
        ),
    ),
    heads=_heads,
    must_agree=(
        "select_layer",
        "backbone_cfg.select_layer",
        "use_alternate_vl_dit",
        "attend_text_every_n_blocks",
        "num_timestep_buckets",
        "state_history_length",
        *_PROCESSING,
        *(f"processor_config.json:processor_kwargs.{key}" for key in _PROCESSING),
    ),
    must_agree_where_shared={
        "embodiment_id.json:": (),  # which row of the head is whose
        "processor_config.json:processor_kwargs.modality_configs": ("state", "action"),
    },
)
