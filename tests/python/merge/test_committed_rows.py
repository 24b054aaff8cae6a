"""A merged policy may be given as many committed rows as all ends that it is made of were trained for."""

import json
from pathlib import Path
from typing import Any

import pytest
from retain.merge import merge, prepare
from retain.merge.recipe import Recipe
from retain.merge.sequence import add_skill, subtract_skill
from retain.merge.verify import verify

from .adapters import write_adapter
from .policies import finetuned, weights, write_policy

BASE, OTHER = 6, 2
WARNING = "may go on from {} committed rows"


def policy(directory: Path, rows: int | None, seed: int = 0, kind: str = "compact", **config: Any) -> Path:
    """A policy of the family compact, which says `rows` in its config.json, or as an adopted one in retain.json."""
    made = weights() if seed == 0 else finetuned(weights(), seed)
    said = {} if rows is None or kind == "retain.json" else {"max_trained_delay": rows}
    write_policy(directory, made, config={**said, **config})
    if kind == "retain.json":
        (directory / "retain.json").write_text(json.dumps({"dt_s": 0.1, "max_trained_delay": rows}, indent=2))
    return directory


def told(directory: Path) -> Any:
    description = directory / "retain.json"
    file = description if description.exists() else directory / "config.json"
    return json.loads(file.read_text()).get("max_trained_delay")


@pytest.mark.parametrize("kind", ["config.json", "retain.json"])
@pytest.mark.parametrize(("first", "second"), [(BASE, OTHER), (OTHER, BASE), (BASE, 0), (0, BASE), (BASE, BASE)])
@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_it_is_the_smaller_one_or_that_of_the_end_that_was_taken(
    tmp_path: Path, kind: str, first: int, second: int, alpha: float
) -> None:
    base, tuned = policy(tmp_path / "base", first, 0, kind), policy(tmp_path / "tuned", second, 1, kind)
    report = merge(base, tuned, tmp_path / "merged", alpha)
    expected = {0.0: first, 0.5: min(first, second), 1.0: second}[alpha]
    assert told(tmp_path / "merged") == expected
    assert report.max_trained_delay == {"output": expected, "ends": [first, second]}
    lowered = alpha == 0.5 and first != second
    assert any(WARNING.format(expected) in warning for warning in report.warnings) == lowered
    assert verify(tmp_path / "merged").problems == ()


@pytest.mark.parametrize(
    ("alpha", "options", "expected"),
    [
        ({"default": 1.0, "action": 0.0}, {}, OTHER),
        ({"default": 0.0, "action": 1.0}, {}, OTHER),
        ({"default": 0.0, "action": 0.3}, {}, OTHER),
        (0.0, {"alpha_map": {r"action\.scale": 0.5}}, OTHER),
        (0.5, {"method": "ties"}, OTHER),
        (0.5, {"method": "slerp"}, OTHER),
        (0.5, {"method": "task_arithmetic", "weights": [0.0]}, BASE),
        (1.0, {"method": "task_arithmetic"}, OTHER),
        (0.0, {"method": "dare_linear", "seed": 1}, BASE),
    ],
)
def test_any_share_in_any_tensor_counts(tmp_path: Path, alpha: Any, options: dict[str, Any], expected: int) -> None:
    base, tuned = policy(tmp_path / "base", BASE), policy(tmp_path / "tuned", OTHER, 1)
    report = merge(base, tuned, tmp_path / "merged", alpha, **options)
    assert (told(tmp_path / "merged"), report.max_trained_delay["output"]) == (expected, expected)


def test_of_several_the_ones_without_weight_have_no_say(tmp_path: Path) -> None:
    base = policy(tmp_path / "base", 0)
    ends = [policy(tmp_path / name, rows, seed) for name, rows, seed in (("a", 5, 1), ("b", 4, 2), ("c", 1, 3))]
    soup = merge(base, ends[:2], tmp_path / "soup", method="soup")
    assert soup.max_trained_delay == {"output": 4, "ends": [0, 5, 4]}  # the mean of the two: the base is not in it
    assert told(tmp_path / "soup") == 4
    drawn = merge(base, ends[:2], tmp_path / "drawn", 0.5, method="soup")
    assert drawn.max_trained_delay["output"] == 0
    one = merge(base, ends, tmp_path / "one", 1.0, method="task_arithmetic", weights=[0.5, 0.5, 0.0])
    assert one.max_trained_delay["output"] == 4
    assert any("committed rows" in warning and str(ends[0]) in warning for warning in one.warnings)


def test_several_alphas_in_one_pass_each_say_their_own(tmp_path: Path) -> None:
    base, tuned = policy(tmp_path / "base", BASE), policy(tmp_path / "tuned", OTHER, 1)
    plan = prepare(base, tuned, [Recipe.of(alpha) for alpha in (0.0, 0.4, 1.0)])
    assert [each.output for each in plan.committed] == [BASE, OTHER, OTHER]
    assert sum("committed rows" in warning for warning in plan.warnings) == 1


def test_an_end_that_says_nothing_was_trained_for_none(tmp_path: Path) -> None:
    base = policy(tmp_path / "base", BASE)
    write_adapter(tmp_path / "adapter", {"action.layer0": (40, 7)})
    bare = policy(tmp_path / "bare", OTHER, 1) / "model.safetensors"
    for name, end in (("from-adapter", tmp_path / "adapter"), ("from-file", bare)):
        report = merge(base, end, tmp_path / name, 0.5)
        assert report.max_trained_delay == {"output": 0, "ends": [BASE, None]}
        assert told(tmp_path / name) == 0


def test_where_nobody_says_anything_nothing_is_written(tmp_path: Path) -> None:
    base, tuned = policy(tmp_path / "base", None), policy(tmp_path / "tuned", None, 1)
    report = merge(base, tuned, tmp_path / "merged", 0.5)
    assert report.max_trained_delay == {"output": None, "ends": [None, None]}
    assert (tmp_path / "merged/config.json").read_bytes() == (tuned / "config.json").read_bytes()
    assert not report.warnings


def test_lerobots_key_is_kept_truthful_where_it_stands(tmp_path: Path) -> None:
    """π0.5 of LeRobot after 0.6.1: adopted, so that both files say it; and as lerobot-train left it."""
    base = policy(tmp_path / "base", 0, 0, "retain.json", rtc_training_max_delay=0)
    tuned = policy(tmp_path / "tuned", 8, 1, "retain.json", rtc_training_max_delay=8)
    merge(base, tuned, tmp_path / "merged", 0.5)
    assert json.loads((tmp_path / "merged/config.json").read_text())["rtc_training_max_delay"] == 0
    assert told(tmp_path / "merged") == 0
    (tuned / "retain.json").unlink()
    assert merge(base, tuned, tmp_path / "again", 0.5).max_trained_delay["ends"] == [0, 8]


def test_a_skill_that_lowered_it_does_not_give_it_back_when_it_is_taken_out(tmp_path: Path) -> None:
    """What is left of it after rounding is nothing, but that is no training."""
    base, tuned = policy(tmp_path / "base", BASE), policy(tmp_path / "drawer", OTHER, 1)
    add_skill(base, tuned, tmp_path / "with", 0.5)
    assert told(tmp_path / "with") == OTHER
    subtract_skill(tmp_path / "with", "drawer", tmp_path / "without")
    assert told(tmp_path / "without") == OTHER


def test_other_files_and_a_config_that_agrees_stay_byte_for_byte(tmp_path: Path) -> None:
    base, tuned = policy(tmp_path / "base", BASE), policy(tmp_path / "tuned", OTHER, 1)
    (tuned / "config.json").write_text((tuned / "config.json").read_text().replace(", ", ",   "))
    merge(base, tuned, tmp_path / "merged", 0.5)
    for name in ("config.json", "tokenizer.json", "policy_preprocessor.json"):
        assert (tmp_path / "merged" / name).read_bytes() == (tuned / name).read_bytes()
