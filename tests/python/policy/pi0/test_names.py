import json
from pathlib import Path

import pytest
import torch
from retain.errors import PolicyError
from retain.policy.pi0 import Pi0Config
from retain.policy.pi0.names import openpi_sources
from retain.policy.pi0.pi0 import Pi0Network
from retain.policy.pi0.pi05 import Pi05Network

from . import tiny

LISTS = Path(__file__).parents[2] / "merge" / "tensors"
NETWORKS = {"pi0": Pi0Network, "pi05": Pi05Network}
WORDS = "paligemma_with_expert.paligemma.model.language_model.embed_tokens.weight"
HEAD = "paligemma_with_expert.paligemma.lm_head.weight"


def lerobots(family):
    """Every name and shape of LeRobot's own full-size policy."""
    for template, _, shape, *count in json.loads((LISTS / f"{family}.json").read_text()):
        for number in range(count[0] if count else 1):
            yield template.replace("*", str(number)), tuple(shape)


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_at_full_size_every_name_and_shape_is_lerobots(family):
    with torch.device("meta"):
        network = NETWORKS[family](Pi0Config(family), horizon=50)
    assert {f"model.{name}": tuple(tensor.shape) for name, tensor in network.state_dict().items()} == dict(
        lerobots(family)
    )


@pytest.mark.parametrize("family", tiny.FAMILIES)
@pytest.mark.parametrize("absent", [None, WORDS, HEAD])
def test_an_openpi_file_fills_every_tensor_with_or_without_one_of_the_tied_two(family, absent):
    ours = tiny.policy(family)
    found = {name.removeprefix("model."): tensor for name, tensor in ours.state_dict().items()}
    found.pop(absent, None)
    sources = openpi_sources(ours.state_dict().keys(), found.keys())
    other = tiny.policy(family)
    tiny.randomize(other, seed=9)
    other.load_state_dict({name: found[source] for name, source in sources.items()}, strict=True)
    kept = {WORDS: HEAD, HEAD: WORDS}.get(absent)
    for name, tensor in other.state_dict().items():
        plain = name.removeprefix("model.")
        assert torch.equal(tensor, found[kept if plain == absent else plain]), name


def test_the_old_name_of_pi0s_time_mlp_is_known():
    expected = ["model.action_time_mlp_in.weight", "model.state_proj.bias"]
    assert openpi_sources(expected, ["time_mlp_in.weight", "state_proj.bias"]) == {
        "model.action_time_mlp_in.weight": "time_mlp_in.weight",
        "model.state_proj.bias": "state_proj.bias",
    }


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (["a.weight"], r"lacks 1 tensors \(first: b\.weight\)"),
        (["a.weight", "b.weight", "state_proj.weight"], r"has 1 .*\(first: state_proj\.weight\)"),
        (["c"], r"lacks 2 .* and has 1"),
    ],
)
def test_nothing_is_left_over_and_nothing_stays_random(found, message):
    with pytest.raises(PolicyError, match=message):
        openpi_sources(["model.a.weight", "model.b.weight"], found)
