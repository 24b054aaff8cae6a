import json
from pathlib import Path

import pytest
from retain.errors import PolicyError
from retain.policy.pi0 import Pi0Config
from retain.policy.pi0.configuration import VARIANTS

from . import tiny

LEROBOT = {
    "type": "pi0",
    "paligemma_variant": "gemma_2b",
    "action_expert_variant": "gemma_300m",
    "dtype": "bfloat16",
    "chunk_size": 50,
    "max_state_dim": 32,
    "max_action_dim": 32,
    "image_resolution": [224, 224],
    "empty_cameras": 1,
    "tokenizer_max_length": 48,
    "time_sampling_beta_alpha": 1.5,
    "time_sampling_beta_beta": 1.0,
    "time_sampling_scale": 0.999,
    "time_sampling_offset": 0.001,
}


def test_lerobots_document_gives_the_published_sizes():
    config = Pi0Config.from_lerobot(LEROBOT)
    assert config == Pi0Config("pi0")
    assert (config.language, config.expert) == (VARIANTS["gemma_2b"], VARIANTS["gemma_300m"])
    assert config.patches == 256


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_what_a_policy_says_of_its_architecture_builds_it_again(family):
    config = tiny.config(family)
    document = json.loads(json.dumps(tiny.policy(family).architecture()))
    assert Pi0Config.from_lerobot(document) == config


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_a_published_network_says_its_sizes_in_lerobots_keys_alone(family):
    document = Pi0Config(family).architecture()
    assert (document["paligemma_variant"], document["action_expert_variant"]) == ("gemma_2b", "gemma_300m")
    theirs = json.loads((Path(__file__).parents[2] / "merge/lerobot" / family / "config.json").read_text())
    assert document.keys() <= theirs.keys()
    assert Pi0Config.from_lerobot(document) == Pi0Config(family)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"type": "smolvla"}, "smolvla"),
        ({"paligemma_variant": "gemma_9b"}, "gemma_9b"),
        ({"action_expert_variant": "gemma_300m_lora"}, "LoRA"),
        ({"image_resolution": [224, 320]}, "square"),
        ({"image_resolution": [225, 225]}, "multiple of the patch"),
        ({"time_sampling_beta_alpha": 1.0}, "time_sampling_beta_alpha"),
        ({"use_visual_memory": True}, "use_visual_memory"),
        ({"max_action_dim": 0}, "action_width is 0"),
        ({"min_period": 5.0}, "periods"),
        ({"action_expert_variant": "dummy"}, "they attend together"),
        ({"vision": {"depth": 2, "colour": 3}}, "colour"),
    ],
)
def test_what_cannot_be_computed_is_refused(change, found):
    with pytest.raises(PolicyError, match=found):
        Pi0Config.from_lerobot({**LEROBOT, **change})
