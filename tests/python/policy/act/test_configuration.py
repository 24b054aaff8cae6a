import json
from pathlib import Path

import pytest
from retain.errors import PolicyError
from retain.policy.act.configuration import ACTConfig

LEROBOTS = Path(__file__).parents[2] / "merge/lerobot/act/config.json"


def document(**changes):
    return {**json.loads(LEROBOTS.read_text()), **changes}


def test_lerobots_defaults_are_ours():
    assert ACTConfig.from_lerobot(document()) == ACTConfig()


def test_what_lerobot_says_is_taken_over():
    config = ACTConfig.from_lerobot(
        document(dim_model=256, vision_backbone="resnet50", replace_final_stride_with_dilation=1, use_vae=False)
    )
    assert (config.dim_model, config.use_vae, config.replace_final_stride_with_dilation) == (256, False, True)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"type": "diffusion"}, "type 'diffusion', expected 'act'"),
        ({"n_obs_steps": 2}, "n_obs_steps is 2"),
        ({"input_features": None}, "no input_features"),
        ({"input_features": {"observation.state": {"type": "STATE", "shape": [6]}}}, "no a camera|no camera|a camera"),
        ({"input_features": {"observation.images.top": {"type": "VISUAL", "shape": [3, 64, 64]}}}, "observation.state"),
        ({"input_features": {"observation.environment_state": {"type": "ENV", "shape": [3]}}}, "no robot can measure"),
        ({"dim_model": 510}, "510 is not a multiple of the 8 heads"),
        ({"dim_model": "wide"}, "dim_model is 'wide'"),
        ({"n_heads": True}, "n_heads is True"),
        ({"latent_dim": 0}, "latent_dim is 0"),
        ({"vision_backbone": "vit"}, "vision_backbone is 'vit', expected one of resnet18"),
        ({"replace_final_stride_with_dilation": True}, "resnet50 and larger"),
        ({"feedforward_activation": "glu"}, "expected relu or gelu"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"kl_weight": -1.0}, "kl_weight is -1.0"),
    ],
)
def test_a_configuration_that_cannot_be_run_is_one_sentence(changes, sentence):
    with pytest.raises(PolicyError, match=sentence):
        ACTConfig.from_lerobot(document(**changes))
