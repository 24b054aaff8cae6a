from collections import Counter

import pytest
from retain.merge import FAMILIES, detect_family
from retain.merge.families import is_running_statistic

from .tensor_lists import TENSOR_LISTS, read_shapes, read_tensor_list

FAMILY = {
    "act": "act",
    "act_without_vae": "act",
    "diffusion": "diffusion",
    "diffusion_batch_norm": "diffusion",
    "groot_n1_5": "groot",
    "groot_n1_6": "groot",
    "groot_n1_7": "groot",
    "openvla": "openvla",
    "openvla_oft_action_head": "openvla",
    "openvla_oft_film": "openvla",
    "pi0": "pi0",
    "pi05": "pi0",
    "pi0_fast": "pi0",
    "pi0_jax": "pi0-jax",
    "pi05_jax": "pi0-jax",
    "pi0_fast_jax": "pi0-jax",
    "smolvla": "smolvla",
}
COUNTS = {
    "act": {"vision": 102, "action": 132},
    "act_without_vae": {"vision": 182, "action": 188},
    "diffusion": {"vision": 65, "action": 148},
    "diffusion_batch_norm": {"vision": 250, "action": 148},
    "groot_n1_5": {"vision": 450, "language": 135, "action": 316},
    "groot_n1_6": {"vision": 454, "language": 179, "action": 474},
    "groot_n1_7": {"vision": 315, "language": 179, "action": 537},
    "openvla": {"vision": 691, "language": 291},
    "openvla_oft_action_head": {"action": 16},
    "openvla_oft_film": {"vision": 889},
    "pi0": {"vision": 439, "language": 165, "action": 174},
    "pi05": {"vision": 439, "language": 165, "action": 209},
    "pi0_fast": {"vision": 439, "language": 165},
    "pi0_jax": {"vision": 23, "language": 9, "action": 18},
    "pi05_jax": {"vision": 23, "language": 9, "action": 19},
    "pi0_fast_jax": {"vision": 23, "language": 9},
    "smolvla": {"vision": 198, "language": 147, "action": 155},
}
BY_NAME = {family.name: family for family in FAMILIES}

VLM = "model.vlm_with_expert.vlm."
COMPONENT = {
    "smolvla": {
        VLM + "model.connector.modality_projection.proj.weight": "vision",
        VLM + "lm_head.weight": "language",
        "model.vlm_with_expert.lm_expert.layers.0.self_attn.k_proj.weight": "action",
        "model.state_proj.weight": "action",
    },
    "pi0": {
        "model.paligemma_with_expert.paligemma.model.multi_modal_projector.linear.weight": "vision",
        "model.paligemma_with_expert.paligemma.lm_head.weight": "language",
        "model.paligemma_with_expert.gemma_expert.lm_head.weight": "action",
        "model.action_time_mlp_in.weight": "action",
    },
    "pi05": {
        "model.paligemma_with_expert.gemma_expert.model.layers.3.input_layernorm.dense.bias": "action",
        "model.time_mlp_out.bias": "action",  # which name lists have missed
    },
    "pi0_jax": {
        "PaliGemma/img/head/kernel": "vision",
        "PaliGemma/llm/layers/attn/q_einsum/w": "language",
        "PaliGemma/llm/layers/attn/q_einsum_1/w": "action",
        "PaliGemma/llm/final_norm_1/scale": "action",
    },
    "groot_n1_5": {
        "backbone.eagle_model.mlp1.0.weight": "vision",
        "backbone.eagle_model.language_model.lm_head.weight": "language",
        "backbone.eagle_linear.weight": "action",
        "action_head.future_tokens.weight": "action",
    },
    "groot_n1_6": {
        "backbone.model.mlp1.3.weight": "vision",
        "backbone.model.language_model.lm_head.weight": "language",
        "action_head.mask_token": "action",
    },
    "groot_n1_7": {
        "_groot_model.backbone.model.model.visual.deepstack_merger_list.2.linear_fc1.weight": "vision",
        "_groot_model.backbone.model.lm_head.weight": "language",
        "_groot_model.action_head.vl_self_attention.transformer_blocks.0.norm1.bias": "action",
    },
    "openvla": {
        "projector.fc3.bias": "vision",
        "vision_backbone.fused_featurizer.attn_pool.latent": "vision",
        "language_model.lm_head.weight": "language",
    },
    "act": {
        "model.encoder_img_feat_input_proj.weight": "vision",
        "model.vae_encoder_pos_enc": "action",
        "model.decoder_pos_embed.weight": "action",
    },
}


@pytest.mark.parametrize("name", TENSOR_LISTS)
def test_every_tensor_of_a_real_policy_is_in_exactly_one_component(name: str) -> None:
    family = BY_NAME[FAMILY[name]]
    claims = {tensor: family.claims(tensor) for tensor in read_tensor_list(name)}
    assert [tensor for tensor, found in claims.items() if len(found) != 1] == []
    assert Counter(found[0] for found in claims.values()) == COUNTS[name]


@pytest.mark.parametrize("name", COMPONENT)
def test_the_component_is_the_right_one(name: str) -> None:
    tensors, family = read_tensor_list(name), BY_NAME[FAMILY[name]]
    for tensor, component in COMPONENT[name].items():
        assert tensor in tensors
        assert family.claims(tensor) == [component], tensor


@pytest.mark.parametrize("name", TENSOR_LISTS)
def test_a_policy_is_recognized_by_its_names_and_taken_for_no_other(name: str) -> None:
    found = detect_family({}, read_tensor_list(name))
    assert found is not None
    assert found.name == FAMILY[name]
    others = [family for family in FAMILIES if family is not found]
    assert not [family.name for family in others if all(family.claims(tensor) for tensor in read_tensor_list(name))]


def test_what_several_families_could_have_is_taken_for_none() -> None:
    assert detect_family({}, ["model.action_out_proj.weight", "model.action_out_proj.bias"]) is None
    assert detect_family({}, []) is None
    assert detect_family({}, ["vision.patch.weight", "else.weight"]) is None


def test_the_config_decides_before_the_names() -> None:
    for family in FAMILIES:
        for declared in family.config_types:
            key = "type" if declared.islower() else "model_type"
            assert detect_family({key: declared}, ["anything.weight"]) is family
    types = [declared for family in FAMILIES for declared in family.config_types]
    assert len(types) == len(set(types))


def test_statistics_among_the_weights_do_not_hide_the_family() -> None:
    tensors = [*read_tensor_list("act"), "normalize_inputs.buffer_observation_state.mean"]
    assert detect_family({}, tensors) is BY_NAME["act"]


@pytest.mark.parametrize(
    ("name", "strip", "add"),
    [("pi0", "model.", ""), ("groot_n1_7", "_groot_model.", ""), ("openvla", "", "module.")],
)
def test_a_prefix_that_only_some_formats_write_changes_nothing(name: str, strip: str, add: str) -> None:
    family = BY_NAME[FAMILY[name]]
    for tensor in read_tensor_list(name):
        other = add + tensor.removeprefix(strip)
        assert other != tensor
        assert family.canonical(other) == family.canonical(tensor)
        assert family.claims(other) == family.claims(tensor)


@pytest.mark.parametrize("spelling", ["params/{}/value", "{}/value", "params.{}.value", "{}"])
def test_jax_names_are_read_in_every_spelling(spelling: str) -> None:
    for tensor in read_tensor_list("pi05_jax"):
        flat = tensor.replace("/", ".") if "." in spelling else tensor
        assert BY_NAME["pi0-jax"].claims(spelling.format(flat)) == BY_NAME["pi0-jax"].claims(tensor)


def test_the_language_model_is_found_where_older_transformers_put_it() -> None:
    old = {
        "model.paligemma_with_expert.paligemma.language_model.model.layers.3.mlp.up_proj.weight": "language",
        "model.paligemma_with_expert.paligemma.language_model.lm_head.weight": "language",
        "model.paligemma_with_expert.paligemma.vision_tower.vision_model.post_layernorm.bias": "vision",
        "model.paligemma_with_expert.paligemma.multi_modal_projector.linear.bias": "vision",
    }
    assert {name: BY_NAME["pi0"].claims(name) for name in old} == {name: [part] for name, part in old.items()}


def test_low_rank_factors_are_in_no_component_of_the_jax_family() -> None:
    for name in ("attn/q_einsum/lora_a", "attn/q_einsum_1/lora_b", "mlp/gating_einsum_lora_a", "mlp_1/linear_lora_b"):
        assert BY_NAME["pi0-jax"].claims(f"PaliGemma/llm/layers/{name}") == []


def test_a_robots_layers_are_rows_in_groot_and_layers_are_rows_in_jax() -> None:
    rows = {name for name in read_tensor_list("groot_n1_7") if BY_NAME["groot"].has_rows(name)}
    assert len(rows) == 14
    assert {read_shapes("groot_n1_7")[name][0] for name in rows} == {32}
    stacked = {name for name in read_tensor_list("pi0_jax") if BY_NAME["pi0-jax"].has_rows(name)}
    assert {read_shapes("pi0_jax")[name][0] for name in stacked} == {18, 27}
    assert "PaliGemma/llm/embedder/input_embedding" not in stacked
    assert not any(BY_NAME["pi0"].has_rows(name) for name in read_tensor_list("pi0"))


def test_tied_names_are_in_the_same_component() -> None:
    for family in FAMILIES:
        for first, second in family.aliases:
            assert family.claims(first) == family.claims(second) == ["language"]


def test_running_statistics_are_told_from_learnt_weights() -> None:
    names = [name for name in read_tensor_list("diffusion_batch_norm") if is_running_statistic(name)]
    assert len(names) == 2 * 20 * 3  # two encoders, twenty batch norms, mean and variance and count
    assert {name.rpartition(".")[2] for name in names} == {"running_mean", "running_var", "num_batches_tracked"}
    assert not any(is_running_statistic(name) for name in read_tensor_list("smolvla"))
    assert len([name for name in read_tensor_list("act") if is_running_statistic(name)]) == 2 * 20
