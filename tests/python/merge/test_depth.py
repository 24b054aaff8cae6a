import pytest
from retain.merge import FAMILIES, detect_family
from retain.merge.depth import Depth, depths

from .tensor_lists import TENSOR_LISTS, read_shapes

PALIGEMMA = "model.paligemma_with_expert.paligemma."
VISION = PALIGEMMA + "model.vision_tower.vision_model."
LANGUAGE = PALIGEMMA + "model.language_model."
EXPERT = "model.paligemma_with_expert.gemma_expert.model."
IMAGE, LLM = "PaliGemma/img/", "PaliGemma/llm/"
SAME_WEIGHTS = {  # openpi's converter: JAX name → PyTorch names, {} for the layer
    IMAGE + "embedding/kernel": [VISION + "embeddings.patch_embedding.weight"],
    IMAGE + "pos_embedding": [VISION + "embeddings.position_embedding.weight"],
    IMAGE + "Transformer/encoderblock/LayerNorm_1/bias": [VISION + "encoder.layers.{}.layer_norm2.bias"],
    IMAGE + "Transformer/encoderblock/MultiHeadDotProductAttention_0/key/kernel": [
        VISION + "encoder.layers.{}.self_attn.k_proj.weight"
    ],
    IMAGE + "Transformer/encoder_norm/scale": [VISION + "post_layernorm.weight"],
    IMAGE + "head/kernel": [PALIGEMMA + "model.multi_modal_projector.linear.weight"],
    LLM + "embedder/input_embedding": [LANGUAGE + "embed_tokens.weight"],
    LLM + "layers/attn/q_einsum/w": [LANGUAGE + "layers.{}.self_attn.q_proj.weight"],
    LLM + "layers/attn/kv_einsum/w": [
        LANGUAGE + "layers.{}.self_attn.k_proj.weight",
        LANGUAGE + "layers.{}.self_attn.v_proj.weight",
    ],
    LLM + "layers/mlp/gating_einsum": [
        LANGUAGE + "layers.{}.mlp.gate_proj.weight",
        LANGUAGE + "layers.{}.mlp.up_proj.weight",
    ],
    LLM + "layers/pre_ffw_norm/scale": [LANGUAGE + "layers.{}.post_attention_layernorm.weight"],
    LLM + "final_norm/scale": [LANGUAGE + "norm.weight"],
    LLM + "layers/attn/attn_vec_einsum_1/w": [EXPERT + "layers.{}.self_attn.o_proj.weight"],
    LLM + "layers/mlp_1/linear": [EXPERT + "layers.{}.mlp.down_proj.weight"],
    LLM + "layers/pre_attention_norm_1/scale": [EXPERT + "layers.{}.input_layernorm.weight"],
    LLM + "final_norm_1/scale": [EXPERT + "norm.weight"],
    "action_in_proj/kernel": ["model.action_in_proj.weight"],
    "action_time_mlp_out/bias": ["model.action_time_mlp_out.bias"],
    "state_proj/bias": ["model.state_proj.bias"],
    "action_out_proj/kernel": ["model.action_out_proj.weight"],
}


def test_both_readings_of_one_model_give_the_same_depths() -> None:
    torch_shapes, jax_shapes = read_shapes("pi0"), read_shapes("pi0_jax")
    torch, jax = (depths(shapes, detect_family({}, shapes)) for shapes in (torch_shapes, jax_shapes))
    for stacked, names in SAME_WEIGHTS.items():
        for name in names:
            found = jax[stacked]
            if isinstance(found, tuple):
                assert len(found) == jax_shapes[stacked][0]
                assert [torch[name.format(layer)] for layer in range(len(found))] == list(found), stacked
            else:
                assert found is not None
                assert torch[name] == found, stacked


@pytest.mark.parametrize("name", TENSOR_LISTS)
def test_every_tensor_of_a_real_policy_has_a_depth(name: str) -> None:
    shapes = read_shapes(name)
    found = depths(shapes, detect_family({}, shapes))
    assert list(found) == list(shapes)
    flat = [depth for depth in found.values() for depth in (depth if isinstance(depth, tuple) else (depth,))]
    assert None not in flat
    assert {depth.position for depth in flat if depth} >= {0.0, 1.0}
    assert all(depth and 0 <= depth.position <= 1 for depth in flat)


@pytest.mark.parametrize(
    ("policy", "tensor", "depth"),
    [
        ("act", "model.backbone.conv1.weight", Depth(0, 8)),
        ("act", "model.backbone.layer1.1.conv1.weight", Depth(1, 8)),
        ("act", "model.backbone.layer4.1.bn2.weight", Depth(7, 8)),
        ("act", "model.encoder_img_feat_input_proj.weight", Depth(7, 8)),
        ("act", "model.encoder_robot_state_input_proj.weight", Depth(0, 5)),
        ("act", "model.encoder.layers.3.linear1.weight", Depth(3, 5)),
        ("act", "model.decoder.layers.0.linear1.weight", Depth(4, 5)),
        ("act", "model.action_head.bias", Depth(4, 5)),
        ("act", "model.vae_encoder_cls_embed.weight", Depth(0, 4)),
        ("act", "model.vae_encoder_latent_output_proj.weight", Depth(3, 4)),
        ("act_without_vae", "model.encoder.norm.weight", Depth(4, 11)),
        ("diffusion", "diffusion.rgb_encoder.backbone.0.weight", Depth(0, 8)),
        ("diffusion", "diffusion.rgb_encoder.backbone.7.1.conv2.weight", Depth(7, 8)),
        ("diffusion", "diffusion.unet.diffusion_step_encoder.1.weight", Depth(0, 7)),
        ("diffusion", "diffusion.unet.down_modules.2.0.conv1.block.0.weight", Depth(2, 7)),
        ("diffusion", "diffusion.unet.mid_modules.1.conv1.block.0.weight", Depth(4, 7)),
        ("diffusion", "diffusion.unet.up_modules.0.1.conv1.block.0.weight", Depth(5, 7)),
        ("diffusion", "diffusion.unet.final_conv.1.weight", Depth(6, 7)),
        ("diffusion_batch_norm", "diffusion.rgb_encoder.1.backbone.5.0.conv1.weight", Depth(2, 8)),
        ("smolvla", "model.vlm_with_expert.lm_expert.layers.5.mlp.up_proj.weight", Depth(5, 16)),
        ("smolvla", "model.action_out_proj.weight", Depth(15, 16)),
        ("smolvla", "model.vlm_with_expert.vlm.model.connector.modality_projection.proj.weight", Depth(11, 12)),
        ("groot_n1_6", "action_head.vlln.weight", Depth(0, 32)),
        ("groot_n1_6", "action_head.mask_token", Depth(0, 32)),
        ("groot_n1_7", "_groot_model.backbone.model.model.visual.merger.norm.weight", Depth(23, 24)),
        ("groot_n1_7", "_groot_model.action_head.model.transformer_blocks.31.ff.net.2.bias", Depth(31, 32)),
        ("groot_n1_7", "_groot_model.action_head.state_encoder.layer1.W", Depth(0, 32)),
        ("openvla", "language_model.lm_head.weight", Depth(31, 32)),
        ("openvla", "vision_backbone.fused_featurizer.blocks.13.norm1.weight", Depth(13, 27)),
        ("openvla_oft_action_head", "model.mlp_resnet_blocks.1.ffn.0.weight", Depth(1, 2)),
    ],
)
def test_depths_follow_the_way_of_the_data(policy: str, tensor: str, depth: Depth) -> None:
    shapes = read_shapes(policy)
    assert depths(shapes, detect_family({}, shapes))[tensor] == depth


@pytest.mark.parametrize("name", ["pi0", "smolvla", "act", "openvla", "groot_n1_7"])
def test_plain_names_tell_the_same_layers_without_a_family(name: str) -> None:
    shapes = read_shapes(name)
    known, read = depths(shapes, detect_family({}, shapes)), depths(shapes, None)
    layers = [tensor for tensor in shapes if ".layers." in tensor or ".blocks." in tensor or "backbone.layer" in tensor]
    assert len(layers) > 100
    for tensor in layers:
        # Without the family ACT's decoder, a single layer, is no stack, and its encoder has one layer less.
        if not tensor.startswith(("model.encoder.", "model.decoder.")):
            assert read[tensor] == known[tensor], tensor


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        (["h.0.w", "h.1.w", "h.2.w", "wte.weight", "ln_f.weight", "oddity"],
         [(0, 3), (1, 3), (2, 3), (0, 3), (2, 3), None]),
        (["u.down_blocks.0.w", "u.mid_block.w", "u.up_blocks.0.w", "u.conv_in.w", "u.conv_out.w"],
         [(0, 3), (1, 3), (2, 3), (0, 3), None]),
        (["net.encoderblock_0.k", "net.encoderblock_1.k", "net.encoder_norm.s"], [(0, 2), (1, 2), (1, 2)]),
        (["a.layers.0.w", "a.layers.1.w", "b.layers.0.w", "b.layers.1.w", "head.weight", "b.norm.weight"],
         [(0, 2), (1, 2), (0, 2), (1, 2), None, (1, 2)]),
        (["layers.0.w", "head.weight"], [None, None]),
        (["a.weight", "b.1.weight"], [None, None]),
    ],
    ids=["transformer", "u-net", "flax", "two-stacks", "one-layer", "no-layers"],
)  # fmt: skip
def test_the_generic_reading_says_what_names_tell_and_no_more(
    shapes: list[str], expected: list[tuple[int, int] | None]
) -> None:
    found = depths(dict.fromkeys(shapes, (4, 4)), None)
    assert list(found.values()) == [place and Depth(*place) for place in expected]


def test_every_tensor_of_the_built_in_policy_has_a_depth() -> None:
    torch = pytest.importorskip("torch")
    from retain.policy.compact.configuration import CompactConfig
    from retain.policy.compact.expert import ActionExpert
    from retain.policy.compact.language import LanguageModel
    from retain.policy.compact.vision import VisionEncoder

    config = CompactConfig()
    with torch.device("meta"):
        parts = {
            "vision": VisionEncoder(config, cameras=1, max_tokens=12),
            "language": LanguageModel(config, max_tokens=12),
            "action": ActionExpert(config, state=7, action=7, horizon=8),
        }
    shapes = {f"{part}.{name}": tuple(w.shape) for part, net in parts.items() for name, w in net.state_dict().items()}
    found = depths(shapes, detect_family({}, shapes))
    assert None not in found.values()
    assert found["language.encoder.0.attention_norm.weight"] == Depth(0, 4)
    assert found["language.backbone.2.attention_norm.weight"] == Depth(3, 4)
    assert found["action.kv.1.weight"] == found["action.velocity.weight"] == Depth(1, 2)


def test_position_runs_from_nought_to_one() -> None:
    assert [Depth(layer, 5).position for layer in range(5)] == [0, 0.25, 0.5, 0.75, 1]


def test_every_family_has_stacks() -> None:
    assert all(family.stacks for family in FAMILIES)
