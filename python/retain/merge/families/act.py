"""ACT, which has no language: vision is the backbone and its projection, everything else is action.

Its decoder regresses the actions with a linear head, so different normalization statistics can be folded exactly.
"""

import re
from collections.abc import Mapping
from typing import Any

from retain.merge.families.family import Family
from retain.merge.families.heads import Heads
from retain.merge.families.stack import stack

_INPUTS = r"encoder_(?:robot_state_input_proj|env_state_input_proj|latent_input_proj|1d_feature_pos_embed)"
_VAE_INPUTS = r"vae_encoder_(?:cls_embed|pos_enc|robot_state_input_proj|action_input_proj)"


def _heads(config: Mapping[str, Any]) -> Heads:
    # The VAE's encoder is used in training only; it is folded too, so that the merged policy can be trained on.
    vae = bool(config.get("use_vae", True))
    return Heads(
        inputs={
            "observation.state": (
                "model.encoder_robot_state_input_proj",
                *(("model.vae_encoder_robot_state_input_proj",) if vae else ()),
            ),
            "observation.environment_state": ("model.encoder_env_state_input_proj",),
            "action": ("model.vae_encoder_action_input_proj",) if vae else (),
        },
        outputs={"action": ("model.action_head",)},
    )


ACT = Family(
    name="act",
    config_types=frozenset({"act"}),
    components={
        "vision": re.compile(r"model\.(?:backbone|encoder_img_feat_input_proj|encoder_cam_feat_pos_embed)\..+"),
        "action": re.compile(
            rf"model\.(?:vae_encoder.*|encoder\..+|decoder\..+|(?:action_head|decoder_pos_embed|{_INPUTS})\..+)"
        ),
    },
    stacks=(
        stack(
            r"model\.backbone\.layer(\d+)\.(\d+)\..+",
            before=r"model\.backbone\.(?:conv1|bn1)\..+",
            after=r"model\.encoder_(?:img_feat_input_proj|cam_feat_pos_embed)\..+",
        ),
        # One stack: encoder, then decoder. The encoder's last norm belongs to what the decoder reads.
        stack(
            r"model\.encoder\.layers\.(\d+)\..+",
            r"model\.(?:encoder\.norm|decoder\.layers\.(\d+))\..+",
            before=rf"model\.(?:{_INPUTS}|decoder_pos_embed)\..+",
            after=r"model\.(?:decoder\.norm|action_head)\..+",
        ),
        stack(
            r"model\.vae_encoder\.layers\.(\d+)\..+",
            before=rf"model\.{_VAE_INPUTS}(?:\..+)?",
            after=r"model\.vae_encoder(?:\.norm|_latent_output_proj)\..+",
        ),
    ),
    heads=_heads,
    must_agree=("normalization_mapping", "pre_norm", "n_heads", "vision_backbone", "feedforward_activation"),
)
