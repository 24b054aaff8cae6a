import numpy as np
import pytest
from retain.errors import EvaluationError, MergeError

torch = pytest.importorskip("torch")

from retain.evaluate.interpolate import COMPONENTS, interpolate  # noqa: E402
from retain.merge import merge  # noqa: E402
from retain.policy import load_policy, save_policy  # noqa: E402
from retain.policy.trained_delay import set_trained_delay  # noqa: E402
from safetensors.numpy import load_file, save_file  # noqa: E402

from .conftest import tiny_policy  # noqa: E402


def test_alpha_0_is_the_base_and_1_the_finetuned_policy_bit_for_bit(policy_directory, finetuned_directory):
    for alpha, end in ((0.0, policy_directory), (1.0, finetuned_directory)):
        mixed = interpolate(policy_directory, finetuned_directory, alpha).state_dict()
        assert all(torch.equal(mixed[name], tensor) for name, tensor in load_policy(end).state_dict().items())


@pytest.mark.parametrize("alpha", [0.37, {"vision": 1.0, "language": 0.8, "action": 0.5}])
def test_it_is_what_a_merge_writes_bit_for_bit(policy_directory, finetuned_directory, tmp_path, alpha):
    mixed = interpolate(policy_directory, finetuned_directory, alpha).state_dict()
    merge(policy_directory, finetuned_directory, tmp_path / "merged", alpha, sync=False)
    written = load_policy(tmp_path / "merged").state_dict()
    assert mixed.keys() == written.keys()
    assert all(torch.equal(mixed[name], tensor) for name, tensor in written.items())


def test_components_are_moved_one_by_one(policy_directory, finetuned_directory):
    mixed = interpolate(policy_directory, finetuned_directory, {"language": 1.0}).state_dict()
    base, finetuned = (load_policy(end).state_dict() for end in (policy_directory, finetuned_directory))
    for name, tensor in mixed.items():
        assert np.array_equal(tensor, (finetuned if name.startswith("language.") else base)[name])
    assert {name.partition(".")[0] for name in mixed} == set(COMPONENTS)


def test_it_may_be_given_the_committed_rows_that_both_ends_learnt(policy_directory, finetuned_directory, tmp_path):
    none = load_policy(finetuned_directory)
    set_trained_delay(none, 0)
    save_policy(none, tmp_path / "none")
    for end, alpha, rows in ((finetuned_directory, 0.5, 2), ("none", 0.5, 0), ("none", 0.0, 2), ("none", 1.0, 0)):
        assert interpolate(policy_directory, tmp_path / end, alpha).spec.max_trained_delay == rows


@pytest.mark.parametrize(("alpha", "sentence"), [(1.2, "α of vision is 1.2"), ({"arm": 0.5}, "no component 'arm'")])
def test_impossible_alphas_are_refused(policy_directory, finetuned_directory, alpha, sentence):
    with pytest.raises(EvaluationError, match=sentence):
        interpolate(policy_directory, finetuned_directory, alpha)


def test_policies_in_other_units_are_refused(policy_directory, tmp_path):
    save_policy(tiny_policy(seed=1), tmp_path / "other")
    for state in (tmp_path / "other").glob("policy_*.safetensors"):
        save_file({name: values * 2 + 1 for name, values in load_file(state).items()}, state)
    with pytest.raises(MergeError, match="normalization"):
        interpolate(policy_directory, tmp_path / "other", 0.5)
