import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from retain.errors import PolicyError
from retain.policy.smolvla import SmolVLAConfig
from retain.policy.smolvla.published_vlm import NAME, SMOLVLM2_500M

LEROBOT = {
    "type": "smolvla",
    "chunk_size": 50,
    "max_state_dim": 32,
    "max_action_dim": 32,
    "resize_imgs_with_padding": [512, 512],
    "adapt_to_pi_aloha": False,
    "use_delta_joint_actions_aloha": False,
    "vlm_model_name": NAME,
    "num_vlm_layers": 16,
    "expert_width_multiplier": 0.75,
    "attention_mode": "cross_attn",
    "self_attn_every_n_layers": 2,
    "optimizer_lr": 1e-4,
}


def test_lerobots_defaults_are_the_defaults():
    config = SmolVLAConfig.from_lerobot(LEROBOT)
    assert {key: value for key, value in vars(config).items() if key != "document"} == {
        key: value for key, value in vars(SmolVLAConfig()).items() if key != "document"
    }
    assert config.vlm is SMOLVLM2_500M


sizes = st.fixed_dictionaries(
    {},
    optional={
        "max_state_dim": st.integers(1, 64),
        "max_action_dim": st.integers(1, 64),
        "resize_imgs_with_padding": st.integers(1, 1024).map(lambda side: [side, side]),
        "num_vlm_layers": st.integers(-1, 32),
        "num_expert_layers": st.integers(-1, 32),
        "expert_width_multiplier": st.one_of(st.just(1), st.floats(0.1, 2)),
        "attention_mode": st.sampled_from(["cross_attn", "self_attn"]),
        "self_attn_every_n_layers": st.integers(-1, 8),
        "add_image_special_tokens": st.booleans(),
        "empty_cameras": st.integers(0, 3),
        "min_period": st.floats(1e-4, 1e-1),
        "max_period": st.floats(1, 10),
        "optimizer_lr": st.floats(0, 1),
    },
)


@settings(deadline=None)
@given(sizes)
def test_what_is_written_is_read_again_through_json(document):
    config = SmolVLAConfig.from_lerobot(document)
    written = json.loads(json.dumps(config.to_lerobot()))
    assert SmolVLAConfig.from_lerobot(written) == config
    assert all(written[key] == value for key, value in document.items() if value)


def test_a_backbone_of_ones_own_goes_with_the_document():
    own = {**SMOLVLM2_500M, "scale_factor": 2}
    config = SmolVLAConfig.from_lerobot({"vlm_model_name": "someone/else", "vlm_config": own})
    assert config.vlm == own


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"adapt_to_pi_aloha": True}, "adapt_to_pi_aloha is not implemented"),
        ({"vlm_model_name": "someone/else"}, "someone/else is not known here, only .*SmolVLM2-500M"),
        ({"vlm_config": "SmolVLM2"}, "vlm_config is 'SmolVLM2', expected the backbone's configuration"),
        ({"resize_imgs_with_padding": None}, r"resize_imgs_with_padding is None, expected \[width, height\]"),
        ({"resize_imgs_with_padding": [512, 384]}, "is 512 x 384, expected a square"),
        ({"attention_mode": "both"}, "attention_mode is 'both'"),
        ({"max_action_dim": "32"}, "max_action_dim is '32', expected int"),
        ({"max_state_dim": 0}, "max_state_dim is 0, expected more than 0"),
        ({"num_vlm_layers": True}, "num_vlm_layers is True, expected int"),
        ({"min_period": 5.0}, "max_period is 4.0, expected more than min_period 5.0"),
    ],
)
def test_what_is_impossible_or_not_implemented_is_refused(change, message):
    with pytest.raises(PolicyError, match=message):
        SmolVLAConfig.from_lerobot({**LEROBOT, **change})
