import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from retain.errors import EvaluationError

from .conftest import tiny_policy

torch = pytest.importorskip("torch")

from retain.evaluate.interpolate import COMPONENTS, interpolate  # noqa: E402


@pytest.fixture(scope="module")
def ends():
    return tiny_policy(0), tiny_policy(1), tiny_policy(2)


def test_alpha_0_is_the_base_and_1_the_finetuned_policy_bit_for_bit(ends):
    base, finetuned, into = ends
    for alpha, end in ((0.0, base), (1.0, finetuned)):
        mixed = interpolate(base, finetuned, alpha, into).state_dict()
        assert all(torch.equal(mixed[name], tensor) for name, tensor in end.state_dict().items())


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 1))
def test_between_the_ends_it_is_the_convex_combination_to_within_rounding(alpha):
    base, finetuned, into = tiny_policy(0), tiny_policy(1), tiny_policy(2)
    mixed = interpolate(base, finetuned, alpha, into).state_dict()
    for name in mixed:
        start, end = (policy.state_dict()[name].double().numpy() for policy in (base, finetuned))
        bound = 3e-7 * np.maximum(np.abs(start), np.abs(end)) + 1e-12
        assert (np.abs(mixed[name].numpy() - ((1 - alpha) * start + alpha * end)) <= bound).all()


def test_components_are_moved_one_by_one(ends):
    base, finetuned, into = ends
    mixed = interpolate(base, finetuned, {"language": 1.0}, into).state_dict()
    for name, tensor in mixed.items():
        end = finetuned if name.startswith("language.") else base
        assert torch.equal(tensor, end.state_dict()[name])
    assert {name.partition(".")[0] for name in mixed} == set(COMPONENTS)


@pytest.mark.parametrize(("alpha", "sentence"), [(1.2, "α of vision is 1.2"), ({"arm": 0.5}, "no component 'arm'")])
def test_impossible_alphas_are_refused(ends, alpha, sentence):
    base, finetuned, into = ends
    with pytest.raises(EvaluationError, match=sentence):
        interpolate(base, finetuned, alpha, into)
