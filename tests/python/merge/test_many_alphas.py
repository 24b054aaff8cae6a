"""Several α in one reading pass are the same files as one after the other."""

from pathlib import Path

import pytest
from retain.errors import MergeError
from retain.merge import Recipe, execute_all, merge, parse_alphas, prepare
from retain.merge.words import alpha_label

from .policies import file_bytes, write_pair

WEIGHTS = "model.safetensors"
ALPHAS = (0.0, 0.3, 0.5, 1.0)


@pytest.mark.parametrize("dtype", ["BF16", "F32"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"dtype": "float16"},
        {"rounding": "stochastic", "dtype": "bfloat16"},
        {"method": "slerp"},
        {"method": "ties"},
    ],
)
def test_one_pass_makes_what_single_merges_make(tmp_path: Path, dtype: str, options: dict[str, str]) -> None:
    base, tuned = write_pair(tmp_path, dtype)
    recipes = [Recipe.of(alpha, **options) for alpha in ALPHAS]
    outputs = [tmp_path / f"pass{alpha}" for alpha in ALPHAS]
    reports = execute_all(prepare(base, tuned, recipes), outputs, sync=False)
    for alpha, output, report in zip(ALPHAS, outputs, reports, strict=True):
        single = merge(base, tuned, tmp_path / f"single{alpha}", alpha, sync=False, **options)
        assert (output / WEIGHTS).read_bytes() == (tmp_path / f"single{alpha}" / WEIGHTS).read_bytes()
        assert report.alpha == single.alpha
        assert report.output.files == single.output.files
        if 0.0 < alpha < 1.0:
            assert report.components == single.components


def test_components_may_differ_between_the_results(tmp_path: Path) -> None:
    base, tuned = write_pair(tmp_path)
    alphas = [{"vision": 1.0, "default": 0.0}, {"vision": 0.0, "default": 0.5}]
    outputs = [tmp_path / "a", tmp_path / "b"]
    execute_all(prepare(base, tuned, [Recipe.of(alpha) for alpha in alphas]), outputs, sync=False)
    for alpha, output in zip(alphas, outputs, strict=True):
        merge(base, tuned, tmp_path / f"{output.name}1", alpha, sync=False)
        assert (output / WEIGHTS).read_bytes() == (tmp_path / f"{output.name}1" / WEIGHTS).read_bytes()


def test_all_results_appear_or_none(tmp_path: Path) -> None:
    base, tuned = write_pair(tmp_path)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "notes.txt").write_text("keep me")
    before = file_bytes(tmp_path)
    plan = prepare(base, tuned, [Recipe.of(0.3), Recipe.of(0.5)])
    with pytest.raises(Exception, match="exists"):
        execute_all(plan, [tmp_path / "a", tmp_path / "b"])
    with pytest.raises(MergeError, match="2 results need 2 different outputs; got 1"):
        execute_all(plan, [tmp_path / "a"])
    with pytest.raises(MergeError, match="2 different outputs"):
        execute_all(plan, [tmp_path / "a", tmp_path / "a"])
    assert file_bytes(tmp_path) == before


def test_lists_on_the_command_line_are_all_combinations() -> None:
    alphas = parse_alphas(["vision=0.8,1", "0.3,0.5", "action=1"])
    assert alphas == [{"vision": v, "default": d, "action": 1.0} for v in (0.8, 1.0) for d in (0.3, 0.5)]
    assert [alpha_label(alpha, alphas) for alpha in alphas][:2] == ["vision=0.8_default=0.3", "vision=0.8_default=0.5"]
    single = parse_alphas(["0.3,0.5"])
    assert [alpha_label(alpha, single) for alpha in single] == ["0.3", "0.5"]
    with pytest.raises(MergeError, match="lists a value twice"):
        parse_alphas(["0.3,0.30"])
