"""OpenVLA and OpenVLA-OFT, by Hugging Face's names. The projector counts as vision.

OpenVLA's actions are tokens of the language model: its action component is empty. OpenVLA-OFT adds a regression or
diffusion head and projectors, which it saves as files of their own; in a state dict of a whole model they begin with
`action_head.`, `proprio_projector.` or `noisy_action_projector.`. Data-parallel training puts `module.` before all.
"""

import re
from collections.abc import Mapping
from typing import Any

from retain.merge.families.family import Family
from retain.merge.families.heads import TOKENS, Heads
from retain.merge.families.stack import stack

_TOWER = r"(?:vision_backbone\.)?vision_backbone\."  # twice where OFT's FiLM wraps it
_LANGUAGE = r"language_model\."
_ADDED = r"(?:action_head|proprio_projector|noisy_action_projector)\..+"
_ALONE = r"(?:action_head\.)?(?:model|noise_predictor\.mlp_resnet)\."  # the head's own file, or within a whole model
_LAYER = r"(?:layer_norm|fc)"


def _heads(config: Mapping[str, Any]) -> Heads:
    return Heads(refusals={"action": TOKENS, "observation.state": "its normalized state is clipped"})


OPENVLA = Family(
    name="openvla",
    config_types=frozenset({"openvla"}),
    components={
        "vision": re.compile(rf"{_TOWER}.+|projector\..+"),
        "language": re.compile(rf"{_LANGUAGE}.+"),
        "action": re.compile(rf"{_ADDED}|{_ALONE}(?:{_LAYER}[12]|mlp_resnet_blocks\.\d+\.ffn\.\d+)\.(?:weight|bias)"),
    },
    prefixes=("module.",),
    stacks=(
        stack(
            _TOWER + r"featurizer\.blocks\.(\d+)\..+",
            before=_TOWER + r"featurizer\.(?:cls_token|reg_token|pos_embed|patch_embed\..+)",
            after=rf"{_TOWER}featurizer\.norm\..+|projector\..+",
        ),
        stack(
            _TOWER + r"fused_featurizer\.blocks\.(\d+)\..+",
            before=_TOWER + r"fused_featurizer\.(?:cls_token|reg_token|pos_embed|patch_embed\..+)",
            after=_TOWER + r"fused_featurizer\.(?:norm|attn_pool)\..+",
        ),
        stack(
            _LANGUAGE + r"model\.layers\.(\d+)\..+",
            before=rf"{_LANGUAGE}model\.embed_tokens\..+|(?:proprio_projector|noisy_action_projector)\..+",
            after=_LANGUAGE + r"(?:model\.norm|lm_head)\..+",
        ),
        stack(
            _ALONE + r"mlp_resnet_blocks\.(\d+)\..+",
            before=rf"{_ALONE}{_LAYER}1\..+",
            after=rf"{_ALONE}{_LAYER}2\..+",
        ),
    ),
    heads=_heads,
    must_agree=("n_action_bins", "arch_specifier", "image_resize_strategy", "image_sizes", "timm_model_ids"),
    must_agree_where_shared={"norm_stats": ("action", "proprio")},
)
