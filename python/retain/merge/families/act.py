"""ACT, which has no language: vision is the backbone and its projection, everything else is action."""

import re

from retain.merge.families.family import Family

_INPUTS = r"encoder_(?:robot_state_input_proj|env_state_input_proj|latent_input_proj|1d_feature_pos_embed)"

ACT = Family(
    name="act",
    config_types=frozenset({"act"}),
    components={
        "vision": re.compile(r"model\.(?:backbone|encoder_img_feat_input_proj|encoder_cam_feat_pos_embed)\..+"),
        "action": re.compile(
            rf"model\.(?:vae_encoder.*|encoder\..+|decoder\..+|(?:action_head|decoder_pos_embed|{_INPUTS})\..+)"
        ),
    },
    must_agree=("normalization_mapping",),
)
