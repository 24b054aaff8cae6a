import pytest
import torch
from retain.errors import PolicyError
from retain.policy.smolvla.backbone import Backbone, text_configuration
from retain.policy.smolvla.expert import ActionExpert
from retain.policy.vlm.rotary import rotation

from .plain_smolvla import position_ids
from .small import BACKBONE, draw_weights


def backbone(**vision):
    return draw_weights(Backbone({**BACKBONE, "vision_config": {**BACKBONE["vision_config"], **vision}}, 0))


def frames(side=32, count=2):
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1


@torch.no_grad()
def test_the_tower_is_transformers_own_forward():
    """With its position ids as they are in transformers 5; those of 4.55 to 4.57 are shifted in float32."""
    made = backbone()
    tower = made.model["vision_model"]
    hook = tower.embeddings.position_embedding.register_forward_pre_hook(
        lambda _, ids: position_ids(4, 4).expand_as(ids[0])
    )
    expected = made.model["connector"](tower(pixel_values=frames()).last_hidden_state)
    hook.remove()
    torch.testing.assert_close(made.see(frames()), expected, atol=1e-5, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("side", [16, 32, 48, 64])
def test_every_patch_gets_the_position_under_it(side):
    made = backbone()
    count = side // 8
    table = made.model["vision_model"].embeddings.position_embedding.weight
    assert torch.equal(made._positions(count), table[position_ids(4, count)])


@torch.no_grad()
@pytest.mark.parametrize("side", [16, 32, 48, 64])
def test_shifted_positions_are_those_of_transformers_4_57_in_float32(side):
    """SmolVLMVisionEmbeddings.forward of that version, line by line."""
    made = backbone(shifted_positions=True)
    count = side // 8
    boundaries = torch.arange(1 / 4, 1.0, 1 / 4)
    coordinates = torch.arange(count, dtype=torch.float32) / count * (1 - 1e-6)
    line = torch.bucketize(coordinates, boundaries, right=True)
    table = made.model["vision_model"].embeddings.position_embedding.weight
    assert torch.equal(made._positions(count), table[(line[:, None] * 4 + line).flatten()])


@torch.no_grad()
def test_keys_and_values_are_those_of_transformers_llama():
    """With all tokens visible to each other and LeRobot's wavelength."""
    from transformers import LlamaModel

    made = backbone()
    config = text_configuration(BACKBONE, attn_implementation="eager")
    llama = LlamaModel(config).eval()
    text = made.model["text_model"].state_dict()
    llama.load_state_dict(text, strict=True)
    x = torch.randn(2, 7, 64, generator=torch.Generator().manual_seed(0))
    cache = llama(inputs_embeds=x, attention_mask=torch.zeros(2, 1, 7, 7), use_cache=True).past_key_values
    positions = rotation(torch.arange(7)[None].expand(2, -1), 16, 10_000.0)
    caches = made.read(x, torch.ones(2, 7, 7, dtype=torch.bool), positions, 5)
    assert len(caches) == 5
    for (keys, values), layer in zip(caches, cache.layers, strict=True):
        torch.testing.assert_close(keys, layer.keys, atol=1e-5, rtol=0)
        torch.testing.assert_close(values, layer.values, atol=1e-5, rtol=0)


@torch.no_grad()
def test_the_expert_alone_is_transformers_llama(config):
    """Where nothing of an observation is visible, self-attention is a causal Llama."""
    import dataclasses

    from transformers import LlamaModel

    own = draw_weights(ActionExpert(dataclasses.replace(config, attention_mode="self_attn"), 4))
    sizes = {"hidden_size": 48, "intermediate_size": 256, "num_hidden_layers": 4}
    llama = LlamaModel(text_configuration(BACKBONE, **sizes, attn_implementation="eager")).eval()
    missing, unexpected = llama.load_state_dict(own.state_dict(), strict=False)
    assert (missing, unexpected) == (["embed_tokens.weight"], [])
    rows = torch.randn(2, 6, 48, generator=torch.Generator().manual_seed(0))
    kv = torch.randn(4, 2, 2, 2, 3, 16, generator=torch.Generator().manual_seed(1))
    read = own(rows, kv, torch.zeros(2, 3, dtype=torch.bool))
    expected = llama(inputs_embeds=rows, use_cache=False).last_hidden_state
    torch.testing.assert_close(read, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text_config": None}, "has no text_config, expected one of SmolVLM"),
        ({"text_config": {"model_type": "gemma"}}, "text_config is of type gemma, expected llama"),
        ({"vision_config": {"model_type": "siglip"}}, "vision_config is of type siglip, expected smolvlm_vision"),
        ({"tie_word_embeddings": True}, "tie_word_embeddings is true"),
        ({"text_config": {**BACKBONE["text_config"], "num_key_value_heads": 3}}, "4 attention heads do not share 3"),
    ],
)
def test_another_architecture_is_refused(change, message):
    with pytest.raises(PolicyError, match=message):
        Backbone({**BACKBONE, **change}, 0)
