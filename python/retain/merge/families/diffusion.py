"""Diffusion Policy: vision is the image encoder, action the U-Net that denoises the trajectory. It has no language."""

import re
from collections.abc import Mapping
from typing import Any

from retain.merge.families.family import Family
from retain.merge.families.heads import Heads
from retain.merge.families.stack import stack

_ENCODER = r"diffusion\.rgb_encoder(?:\.\d+)?"  # numbered where every camera has its own
_CONDITION = "its state passes a nonlinearity before the first linear layer"


def _heads(config: Mapping[str, Any]) -> Heads:
    return Heads(
        refusals={
            "action": "its denoising starts from noise of unit variance in normalized units, and clips to [-1, 1]",
            "observation.state": _CONDITION,
            "observation.environment_state": _CONDITION,
        }
    )


DIFFUSION = Family(
    name="diffusion",
    config_types=frozenset({"diffusion"}),
    components={
        "vision": re.compile(r"diffusion\.rgb_encoder\..+"),
        "action": re.compile(r"diffusion\.unet\..+"),
    },
    stacks=(
        # The ResNet is a plain sequence here: 0 and 1 are its stem, 4 to 7 its four groups of blocks.
        stack(
            rf"{_ENCODER}\.backbone\.([4-7])\.(\d+)\..+",
            before=rf"{_ENCODER}\.backbone\.[01]\..+",
            after=rf"{_ENCODER}\.(?:pool|out)\..+",
        ),
        stack(
            r"diffusion\.unet\.down_modules\.(\d+)\..+",
            r"diffusion\.unet\.mid_modules\.(\d+)\..+",
            r"diffusion\.unet\.up_modules\.(\d+)\..+",
            before=r"diffusion\.unet\.diffusion_step_encoder\..+",
            after=r"diffusion\.unet\.final_conv\..+",
        ),
    ),
    heads=_heads,
    must_agree=(
        "normalization_mapping",
        "vision_backbone",
        "n_groups",
        "use_film_scale_modulation",
        "noise_scheduler_type",
        "num_train_timesteps",
        "beta_schedule",
        "beta_start",
        "beta_end",
        "prediction_type",
        "clip_sample",
        "clip_sample_range",
    ),
)
