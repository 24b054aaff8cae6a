"""ACT, which has no language: vision is the backbone and its projection, everything else is action."""

import re

from retain.merge.families.family import Family

_IO = r"(?:action_head|decoder_pos_embed|encoder_(?:robot_state|env_state|latent)_input_proj|encoder_1d_feature_pos_embed)"

ACT = Family(
    name="act",
    config_types=frozenset({"act"}),
    components={
        "vision": re.compile(r"model\.(?:backbone|encoder_img_feat_input_proj|encoder_cam_feat_pos_embed)\..+"),
        "action": re.compile(rf"model\.(?:vae_encoder.*|encoder\..+|decoder\..+|{_IO}\..+)"),
    },
    must_agree=("normalization_mapping",),
)
