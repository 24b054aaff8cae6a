import re

import pytest
from retain.errors import MergeError
from retain.merge import detect_family, make_partition

from .tensor_lists import read_tensor_list


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


@pytest.mark.parametrize("name", ["pi0_fast", "pi0_fast_jax", "openvla"])
def test_a_policy_whose_actions_are_tokens_has_an_empty_action_component(name: str) -> None:
    names = list(read_tensor_list(name))
    partition = make_partition(names, detect_family({}, names))
    assert partition.tensors("action") == []
    assert "action" in partition.components


@pytest.mark.parametrize(
    "name",
    ["base_model.model.q_proj.lora_A.weight", "model.q_proj.lora_B.default.weight", "llm/layers/mlp/linear_lora_a"],
)
@pytest.mark.parametrize("family", [None, detect_family({"type": "pi0"}, [])], ids=["unknown", "pi0"])
def test_factors_of_a_low_rank_update_are_refused(name: str, family: object) -> None:
    with pytest.raises(MergeError, match="low-rank update, whose mean is not the mean of its factors"):
        make_partition([name], family)  # type: ignore[arg-type]
