import re

import pytest
from retain.errors import MergeError
from retain.merge import FAMILIES, detect_family, make_partition

PALIGEMMA = "paligemma_with_expert.paligemma."
VLM = "model.vlm_with_expert.vlm."
TENSORS = {
    "compact": {
        "vision.patch.weight": "vision",
        "language.embed.weight": "language",
        "action.head.bias": "action",
    },
    "pi0": {
        PALIGEMMA + "model.vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight": "vision",
        PALIGEMMA + "model.multi_modal_projector.linear.weight": "vision",
        PALIGEMMA + "model.language_model.layers.17.self_attn.q_proj.weight": "language",
        PALIGEMMA + "lm_head.weight": "language",
        "paligemma_with_expert.gemma_expert.model.layers.3.input_layernorm.dense.bias": "action",
        "paligemma_with_expert.gemma_expert.lm_head.weight": "action",
        "state_proj.weight": "action",
        "action_in_proj.bias": "action",
        "action_out_proj.weight": "action",
        "action_time_mlp_in.weight": "action",
        "time_mlp_out.bias": "action",  # π0.5's, which name lists have missed
    },
    "smolvla": {
        VLM + "model.vision_model.encoder.layers.0.mlp.fc1.weight": "vision",
        VLM + "model.connector.modality_projection.proj.weight": "vision",
        VLM + "model.text_model.layers.15.mlp.up_proj.weight": "language",
        VLM + "lm_head.weight": "language",
        "model.vlm_with_expert.lm_expert.layers.0.self_attn.k_proj.weight": "action",
        "model.state_proj.weight": "action",
        "model.action_time_mlp_out.bias": "action",
    },
    "act": {
        "model.backbone.layer4.1.conv2.weight": "vision",
        "model.encoder_img_feat_input_proj.weight": "vision",
        "model.encoder_cam_feat_pos_embed.row_embed.weight": "vision",
        "model.vae_encoder.layers.0.linear1.weight": "action",
        "model.vae_encoder_cls_embed.weight": "action",
        "model.vae_encoder_pos_enc": "action",
        "model.encoder.layers.0.norm1.bias": "action",
        "model.encoder_latent_input_proj.weight": "action",
        "model.encoder_1d_feature_pos_embed.weight": "action",
        "model.decoder.layers.0.norm1.bias": "action",
        "model.decoder_pos_embed.weight": "action",
        "model.action_head.weight": "action",
    },
}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_tensor_is_claimed_once_by_the_right_component(family) -> None:  # type: ignore[no-untyped-def]
    for name, component in TENSORS[family.name].items():
        assert family.claims(name) == [component], name
    if family.name == "pi0":  # LeRobot's names
        for name, component in TENSORS["pi0"].items():
            assert family.claims("model." + name) == [component], name


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_families_are_known_by_config_and_by_names(family) -> None:  # type: ignore[no-untyped-def]
    for declared in family.config_types:
        assert detect_family({"type": declared}, []) is family
    assert detect_family({}, TENSORS[family.name]) is family


def test_an_unassigned_tensor_is_an_error_that_lists_it() -> None:
    family = detect_family({"type": "compact"}, [])
    with pytest.raises(
        MergeError, match=r"1 tensors belong to no component of the family compact: extra\.weight; .*--component"
    ):
        make_partition(["vision.a", "extra.weight"], family)


def test_user_patterns_refine_a_family() -> None:
    family = detect_family({"type": "compact"}, [])
    names = ["vision.a", "action.head.w", "action.body.w", "extra.weight"]
    partition = make_partition(names, family, {"head": re.compile(r"action\.head\..*"), "rest": re.compile("extra.*")})
    assert partition.component_of == {
        "vision.a": "vision", "action.head.w": "head", "action.body.w": "action", "extra.weight": "rest",
    }  # fmt: skip
    assert partition.components == ("head", "rest", "vision", "language", "action")


def test_user_patterns_must_be_exclusive_and_match_something() -> None:
    with pytest.raises(MergeError, match=r"several components: a\.b \(x and y\)"):
        make_partition(["a.b"], None, {"x": re.compile("a.*"), "y": re.compile(".*b")})
    with pytest.raises(MergeError, match="--component y=z matches no tensor"):
        make_partition(["a.b"], None, {"x": re.compile("a.*"), "y": re.compile("z")})


def test_an_unknown_policy_is_one_component() -> None:
    partition = make_partition(["a", "b"], detect_family({}, ["a", "b"]))
    assert (partition.family, partition.components) == ("unknown", ("all",))


def test_a_policy_without_an_action_expert_has_an_empty_component() -> None:
    family = detect_family({"type": "pi0_fast"}, [])
    names = [name for name, component in TENSORS["pi0"].items() if component != "action"]
    partition = make_partition(names, family)
    assert partition.tensors("action") == []
    assert "action" in partition.components
