import json
from pathlib import Path

import pytest
from retain.errors import PolicyError
from retain.policy.act.configuration import ACTConfig
from retain.policy.act.image_statistics import IDENTITY, ImageStatistics, read_image_statistics

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


def test_statistics_of_pictures_are_read_in_lerobots_shape():
    stored = {
        "observation.images.top.mean": [[[0.5]], [[0.25]], [[0.125]]],
        "observation.images.top.std": [[[0.5]], [[0.5]], [[1.0]]],
    }
    assert read_image_statistics(stored, "top") == ImageStatistics((0.5, 0.25, 0.125), (0.5, 0.5, 1.0))
    assert read_image_statistics({}, "top", "IDENTITY") is IDENTITY


@pytest.mark.parametrize(
    ("stored", "mode", "sentence"),
    [
        ({}, "MEAN_STD", "lack observation.images.top.mean"),
        ({"observation.images.top.mean": [0.0] * 3}, "MEAN_STD", "lack observation.images.top.std"),
        ({"observation.images.top.mean": [0.0], "observation.images.top.std": [1.0]}, "MEAN_STD", "three finite"),
        ({"observation.images.top.mean": [0.0] * 3, "observation.images.top.std": [-1.0] * 3}, "MEAN_STD", "0 or more"),
        ({}, "MIN_MAX", "normalized by MIN_MAX"),
    ],
)
def test_statistics_that_are_missing_are_never_passed_over(stored, mode, sentence):
    with pytest.raises(PolicyError, match=sentence):
        read_image_statistics(stored, "top", mode)
