"""What must not be merged is refused in one sentence, and nothing is left behind."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from retain.errors import CheckpointError, MergeError, RetainError
from retain.merge import Recipe, merge

from .policies import (
    STATISTICS,
    file_bytes,
    finetuned,
    weights,
    write_pair,
    write_policy,
    write_weights,
)

WEIGHTS = "model.safetensors"


def test_alpha_outside_its_range_needs_a_flag(tmp_path: Path) -> None:
    base, tuned = write_pair(tmp_path)
    with pytest.raises(MergeError, match=r"the alpha is 1.2, outside \[0, 1\].*--extrapolate"):
        merge(base, tuned, tmp_path / "merged", 1.2)
    with pytest.raises(MergeError, match="alpha of vision is nan"):
        merge(base, tuned, tmp_path / "merged", {"vision": float("nan"), "default": 1}, extrapolate=True)


def test_an_unknown_component_is_refused_with_those_there_are(tmp_path: Path) -> None:
    base, tuned = write_pair(tmp_path)
    with pytest.raises(MergeError, match="no component 'visoin'; it has action, language, vision"):
        merge(base, tuned, tmp_path / "merged", {"visoin": 1.0, "default": 0.5})


def test_a_component_without_alpha_is_refused(tmp_path: Path) -> None:
    base, tuned = write_pair(tmp_path)
    with pytest.raises(MergeError, match="no alpha was given for language, action; add language=A action=A"):
        merge(base, tuned, tmp_path / "merged", {"vision": 1.0})


def test_different_architectures_are_set_side_by_side(tmp_path: Path) -> None:
    made = weights()
    other = finetuned(made)
    other["action.layer0.weight"] = np.zeros((3, 7))
    del other["vision.layer1.weight"]
    base = write_policy(tmp_path / "base", made)
    tuned = write_policy(tmp_path / "finetuned", other)
    with pytest.raises(MergeError) as error:
        merge(base, tuned, tmp_path / "merged", 0.5)
    lines = str(error.value).splitlines()
    assert lines[0].startswith("base and finetuned disagree on 2 of 9 tensors; pass --missing base")
    assert lines[1].split() == ["base", "finetuned"]
    assert lines[2].split() == ["vision.layer1.weight", "F32", "[40,", "7]", "–"]
    assert lines[3].split() == ["action.layer0.weight", "F32", "[40,", "7]", "F32", "[3,", "7]"]


def test_nothing_in_common_is_said_so(tmp_path: Path) -> None:
    base, _ = write_pair(tmp_path)
    other = write_policy(tmp_path / "other", {"vision.else": np.zeros(3)})
    with pytest.raises(MergeError, match="different architectures, which cannot be merged"):
        merge(base, other, tmp_path / "merged", 0.5)


def test_other_dtypes_need_a_word_about_the_results(tmp_path: Path) -> None:
    base = write_policy(tmp_path / "base", weights(), "F32")
    tuned = write_policy(tmp_path / "finetuned", finetuned(weights()), "BF16")
    with pytest.raises(MergeError, match=r"only the dtypes differ: say what the result is stored as, --dtype float32"):
        merge(base, tuned, tmp_path / "merged", 0.5)
    merge(tuned, tuned, tmp_path / "converted", 0.0, dtype="float32")
    merge(base, tmp_path / "converted", tmp_path / "one", 0.3)
    merge(base, tuned, tmp_path / "two", 0.3, dtype="float32")
    assert (tmp_path / "one" / WEIGHTS).read_bytes() == (tmp_path / "two" / WEIGHTS).read_bytes()


@pytest.mark.parametrize(
    ("alpha", "end"),
    # An end that has no weight in the result is not read, so its values are not looked at.
    [(0.0, "base"), (0.5, "base"), (0.5, "finetuned"), (1.0, "finetuned")],
)
@pytest.mark.parametrize("dtype", ["BF16", "F32"])
def test_nan_weights_are_named(tmp_path: Path, end: str, alpha: float, dtype: str) -> None:
    base, tuned = write_pair(tmp_path, dtype)
    broken = weights()
    broken["language.layer1.weight"][3, 5] = np.inf
    write_weights(tmp_path / end / WEIGHTS, broken, dtype)
    with pytest.raises(MergeError, match=rf"1 weights in 1 tensors.*language\.layer1\.weight\[3, 5\] of the {end} end"):
        merge(base, tuned, tmp_path / "merged", alpha)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "finetuned"]


def test_a_result_too_large_for_its_dtype_is_named(tmp_path: Path) -> None:
    made = weights()
    made["action.scale"] = np.asarray(1e6)
    base = write_policy(tmp_path / "base", made)
    with pytest.raises(MergeError, match=r"action\.scale\[\] does not fit F16 although all ends are finite"):
        merge(base, base, tmp_path / "merged", 0.5, dtype="float16")


def test_integers_must_be_equal(tmp_path: Path) -> None:
    base, tuned = write_pair(tmp_path)
    other = finetuned(weights())
    other["vision.positions"] = np.arange(5) + 1
    write_weights(tuned / WEIGHTS, other)
    with pytest.raises(MergeError, match=r"I64 tensor vision\.positions differs"):
        merge(base, tuned, tmp_path / "merged", 0.5)


def test_eight_bit_floats_are_refused_by_name(tmp_path: Path) -> None:
    header = b'{"w":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}}'
    file = tmp_path / "fp8.safetensors"
    file.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    with pytest.raises(MergeError, match="w is stored as F8_E4M3, which cannot be interpolated"):
        merge(file, file, tmp_path / "merged", 0.5)
    merge(file, file, tmp_path / "merged", 1.0)


def test_an_existing_output_is_kept_without_force(tmp_path: Path) -> None:
    base, tuned = write_pair(tmp_path)
    merge(base, tuned, tmp_path / "merged", 0.5)
    before = file_bytes(tmp_path / "merged")
    with pytest.raises(CheckpointError, match="merged exists; give another name, or --force"):
        merge(base, tuned, tmp_path / "merged", 0.7)
    assert file_bytes(tmp_path / "merged") == before
    merge(base, tuned, tmp_path / "merged", 0.0, force=True)
    assert (tmp_path / "merged" / WEIGHTS).read_bytes() == (base / WEIGHTS).read_bytes()


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (lambda base: base, "is an input"),
        (lambda base: base / "merged", "lies inside the input"),
        (lambda base: base.parent, "contains the input"),
    ],
)
def test_inputs_are_safe_even_from_force(tmp_path: Path, output: Callable[[Path], Path], reason: str) -> None:
    base, tuned = write_pair(tmp_path / "policies")
    before = file_bytes(base)
    with pytest.raises(MergeError, match=reason):
        merge(base, tuned, output(base), 0.5, force=True)
    assert file_bytes(base) == before


def test_force_replaces_policies_only(tmp_path: Path) -> None:
    base, tuned = write_pair(tmp_path)
    precious = tmp_path / "thesis"
    precious.mkdir()
    (precious / "chapter1.tex").write_text("years of work")
    with pytest.raises(CheckpointError, match="is not a policy directory; --force replaces nothing else"):
        merge(base, tuned, precious, 0.5, force=True)
    assert (precious / "chapter1.tex").exists()


def test_other_words_behind_the_embedding_are_refused(tmp_path: Path) -> None:
    base, tuned = write_pair(tmp_path)
    (tuned / "tokenizer.json").write_text('{"model": {"vocab": {"blue": 0}}}')
    with pytest.raises(MergeError, match=r"tokenizer\.json differs"):
        merge(base, tuned, tmp_path / "merged", 0.5)
    (tuned / "tokenizer.json").write_text('{ "model": {"vocab": {"red": 0} } }')  # the same, spaced differently
    merge(base, tuned, tmp_path / "merged", 0.5)


def test_other_meanings_of_the_same_weights_are_refused(tmp_path: Path) -> None:
    base = write_policy(tmp_path / "base", weights(), config={"action_modes": ["delta"]})
    tuned = write_policy(tmp_path / "finetuned", weights(), config={"action_modes": ["absolute"]})
    with pytest.raises(MergeError, match=r'action_modes \["delta"\] in the base and \["absolute"\]'):
        merge(base, tuned, tmp_path / "merged", 0.5)
    other = write_policy(tmp_path / "other", weights(), config={"type": "smolvla"})
    with pytest.raises(MergeError, match="the base is a compact and the finetuned policy a smolvla"):
        merge(base, other, tmp_path / "merged", 0.5)


def test_different_normalization_statistics_are_refused_with_the_mend(tmp_path: Path) -> None:
    base = write_policy(tmp_path / "base", weights())
    halved = {**STATISTICS, "action.std": STATISTICS["action.std"] * np.array([1.0, 0.5])}
    tuned = write_policy(tmp_path / "finetuned", finetuned(weights()), statistics=halved)
    with pytest.raises(
        MergeError, match=r"differ in 1 of 2 .*action\.std\[1\]: 2 against 1.*retain finetune .*--stats base"
    ):
        merge(base, tuned, tmp_path / "merged", 0.5)


def test_counts_of_frames_are_not_units(tmp_path: Path) -> None:
    base = write_policy(tmp_path / "base", weights())
    tuned = write_policy(tmp_path / "finetuned", weights(), statistics={**STATISTICS, "action.count": np.array([7.0])})
    assert merge(base, tuned, tmp_path / "merged", 0.5).normalization[0]["status"] == "equal"


def test_statistics_at_one_end_only_are_warned_about(tmp_path: Path) -> None:
    base = write_policy(tmp_path / "base", weights(), statistics=None)
    tuned = write_policy(tmp_path / "finetuned", finetuned(weights()))
    report = merge(base, tuned, tmp_path / "merged", 0.5)
    assert report.normalization[0]["status"] == "unknown"
    assert any("only the finetuned end has normalization statistics" in warning for warning in report.warnings)


def test_statistics_among_the_weights_are_never_averaged(tmp_path: Path) -> None:
    name = "normalize_inputs.buffer_observation_state.mean"
    made = {**weights(), name: np.array([1.0, 2.0])}
    base = write_policy(tmp_path / "base", made)
    tuned = write_policy(tmp_path / "finetuned", {**finetuned(weights()), name: np.array([1.0, 2.5])})
    with pytest.raises(MergeError, match="normalization statistics"):
        merge(base, tuned, tmp_path / "merged", 0.5)


@pytest.mark.parametrize(
    "recipe",
    [{"alpha": {"default": 0.5}, "method": "magic"}, {"alpha": {"default": 0.5}, "sparsity": 0.2}, {"alpha": 0.5}],
)
def test_recipes_of_other_versions_are_refused(recipe: dict[str, object]) -> None:
    with pytest.raises(RetainError):
        Recipe.from_json(recipe)


def test_a_recipe_survives_json() -> None:
    recipe = Recipe.of({"default": 0.5, "vision": 1.0}, dtype="float32", missing="base")
    assert Recipe.from_json(recipe.to_json()) == recipe
