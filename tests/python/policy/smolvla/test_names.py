import torch
from retain.policy import CameraSpec, FlowSpec
from retain.policy.smolvla import SmolVLAConfig, SmolVLAPolicy

from ...merge.tensor_lists import read_shapes  # noqa: TID252 (tests are no package that could be named)
from .small import draw_weights


def shapes(policy):
    return {name: tuple(tensor.shape) for name, tensor in policy.state_dict().items()}


def test_the_published_sizes_have_lerobots_500_tensors(spec, tokenizer):
    """On the meta device: 450 million parameters are described, none is made."""
    import dataclasses

    spec = dataclasses.replace(spec, flow=FlowSpec(10, width=32), cameras=(CameraSpec("top", 480, 640),))
    with torch.device("meta"):
        policy = SmolVLAPolicy(spec, SmolVLAConfig(), tokenizer)
    assert shapes(policy) == read_shapes("smolvla")
    assert {name for name, _ in policy.named_parameters()} == set(policy.state_dict())


@torch.no_grad()
def test_a_policy_of_loaded_tensors_is_the_same_policy(build, config, spec, tokenizer, observation, rows):
    """Built without memory, filled by assignment: nothing but the tensors makes the difference."""
    drawn = build(config, seed=5)
    with torch.device("meta"):
        loaded = SmolVLAPolicy(spec, config, tokenizer)
    loaded.load_state_dict(drawn.state_dict(), strict=True, assign=True)
    expected = drawn.step(*rows, drawn.prefix(*observation))
    assert torch.equal(loaded.eval().step(*rows, loaded.prefix(*observation)), expected)
    other = draw_weights(SmolVLAPolicy(spec, config, tokenizer), seed=6)
    assert not torch.equal(other.step(*rows, other.prefix(*observation)), expected)
