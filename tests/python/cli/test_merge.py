import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from retain.cli.main import main
from safetensors.numpy import load_file, save_file


@pytest.fixture
def ends(tmp_path: Path) -> tuple[str, str]:
    for name, value in (("base", 0.0), ("finetuned", 1.0)):
        (tmp_path / name).mkdir()
        tensors = {f"{part}.w": np.full(10, value, np.float32) for part in ("vision", "language", "action")}
        save_file(tensors, tmp_path / name / "model.safetensors")
    return str(tmp_path / "base"), str(tmp_path / "finetuned")


def test_merge_writes_a_policy_and_says_what_it_did(
    ends: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "merged"
    assert main(["merge", *ends, "--alpha", "0.5", "vision=1", "-o", str(output)]) == 0
    said = capsys.readouterr().out
    assert "alpha is the weight of the finetuned policy: 0 is the base, 1 the finetuned policy" in said
    assert "language\t0.5\t0.500" in said
    found = load_file(output / "model.safetensors")
    assert {name: float(values[0]) for name, values in found.items()} == {
        "vision.w": 1.0, "language.w": 0.5, "action.w": 0.5,
    }  # fmt: skip


def test_json_is_one_object_equal_to_the_report_file(
    ends: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["merge", *ends, "--alpha", "0.5", "-o", str(tmp_path / "merged"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads((tmp_path / "merged" / "merge_report.json").read_text())


def test_a_dry_run_writes_nothing(ends: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["merge", *ends, "--alpha", "0.5", "head=0", "--component", r"head=action\..*", "--dry-run", "--json"])
        == 0
    )
    plan = json.loads(capsys.readouterr().out)
    assert plan["components"]["head"] == {
        "alpha": [0.0], "tensors": 1, "units": 1, "bytes": 40, "copied": 1, "interpolated": 0,
    }  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "finetuned"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--alpha", "2", "-o", "OUT"], "pass --extrapolate if that is meant"),
        (["--alpha", "half", "-o", "OUT"], "expected a number or NAME=NUMBER"),
        (["--alpha", "vision=1", "vision=0", "-o", "OUT"], "sets vision twice"),
        (["--alpha", "0.5", "arm=1", "-o", "OUT"], "no component 'arm'; it has action, language, vision"),
        (["--alpha", "0.5"], "add -o DIR"),
        (["--alpha", "0.5", "-o", "OUT", "--component", "arm"], "expected NAME=REGEX"),
        (["--alpha", "0.5", "-o", "OUT", "--component", "arm=("], "is not a regular expression"),
        (["--alpha", "0.5", "-o", "OUT", "--threads", "0"], "at least 1 is needed"),
        (["-o", "OUT"], "the method linear has no alpha of its own; give --alpha A"),
        (["--alpha", "0.3,0.5", "-o", "OUT"], "2 results need 2 names; put {alpha} into them"),
        (["--alpha", "0.5", "-o", "OUT", "--depth", "half"], "the depth factors must be two finite numbers"),
        (["--alpha", "0.5", "-o", "OUT", "--weights", "a,b"], "--weights a,b: expected numbers"),
        (["--alpha", "0.5", "-o", "OUT", "--skill", "red"], "add --continue"),
        (["--alpha", "0.5", "-o", "OUT", "--continue", "--no-hash"], "leave --no-hash out"),
        (["--alpha", "0.5", "--dry-run", "--plot", "a.png"], "--plot draws one merge that is carried out"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_code_2(
    ends: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], sentence: str
) -> None:
    arguments = [str(tmp_path / "merged") if option == "OUT" else option for option in options]
    assert main(["merge", *ends, *arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("retain merge: ")
    assert sentence in said
    assert said.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "finetuned"]


def test_merging_never_imports_torch(ends: tuple[str, str], tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['torch'] = None\n"
        "from retain.cli.main import main\n"
        f"code = main({['merge', *ends, '--alpha', '0.5', '-o', str(tmp_path / 'merged')]!r})\n"
        f"sys.exit(code or main({['inspect', str(tmp_path / 'merged')]!r}))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_a_list_of_alphas_makes_several_policies(
    ends: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = str(tmp_path / "merged-{alpha}")
    assert main(["merge", *ends, "--alpha", "0.25,0.5", "vision=1", "-o", output, "--json"]) == 0
    reports = json.loads(capsys.readouterr().out)
    assert [report["components"]["action"]["alpha"] for report in reports] == [0.25, 0.5]
    for alpha in (0.25, 0.5):
        found = load_file(tmp_path / f"merged-{alpha}" / "model.safetensors")
        assert found["action.w"] == pytest.approx(alpha)
        assert found["vision.w"] == pytest.approx(1.0)


def test_an_alpha_map_is_a_json_file(ends: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "map.json").write_text('{"vision.*": 0.75}')
    options = ["--alpha", "0.5", "--alpha-map", str(tmp_path / "map.json"), "-o", str(tmp_path / "merged")]
    assert main(["merge", *ends, *options]) == 0
    assert load_file(tmp_path / "merged" / "model.safetensors")["vision.w"] == pytest.approx(0.75)


def test_several_policies_are_merged_by_name_of_the_method(ends: tuple[str, str], tmp_path: Path) -> None:
    base, tuned = ends
    options = ["--method", "task_arithmetic", "--weights", "1,-0.25", "--alpha", "1"]
    assert main(["merge", base, tuned, tuned, *options, "-o", str(tmp_path / "merged")]) == 0
    assert load_file(tmp_path / "merged" / "model.safetensors")["action.w"] == pytest.approx(0.75)


def test_a_picture_of_the_merge_can_be_had(ends: tuple[str, str], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "merge.png"
    assert main(["merge", *ends, "--alpha", "0.5", "-o", str(tmp_path / "merged"), "--plot", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_skills_are_added_and_taken_out_again(
    ends: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, tuned = ends
    merged, without = str(tmp_path / "merged"), str(tmp_path / "without")
    assert main(["merge", base, tuned, "--alpha", "0.5", "--continue", "--skill", "red", "-o", merged]) == 0
    assert main(["merge", merged, tuned, "--alpha", "0.5", "-o", str(tmp_path / "plain")]) == 0
    assert "the ledger of" in capsys.readouterr().err
    assert main(["subtract", merged, "red", "-o", without]) == 0
    assert load_file(tmp_path / "without" / "model.safetensors")["action.w"] == pytest.approx(0.0, abs=1e-7)
    assert main(["subtract", without, "red", "-o", str(tmp_path / "again")]) == 2


def test_diff_shows_both_ends_and_exits_1_where_a_merge_would_be_refused(
    ends: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diff", ends[1], ends[0]]) == 0
    said = capsys.readouterr().out
    assert "language\t1\t10\t1.00e+00" in said
    assert "tensor\tcomponent" in said
    save_file({"vision.w": np.zeros(10, np.float32)}, tmp_path / "finetuned" / "model.safetensors")
    assert main(["diff", *ends]) == 1
    assert "a merge would be refused: 2 tensors of the base are missing" in capsys.readouterr().err
    assert main(["diff", *ends, "--json"]) == 1
    assert len(json.loads(capsys.readouterr().out)["obstacles"]) == 1


def test_verify_exits_0_for_what_was_merged_and_1_for_anything_else(
    ends: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    merged = tmp_path / "merged"
    assert main(["merge", *ends, "--alpha", "0.5", "-o", str(merged)]) == 0
    assert main(["verify", str(merged)]) == 0
    assert "recomputed from its inputs, every byte equal" in capsys.readouterr().out
    weights = merged / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert main(["verify", str(merged), "--json"]) == 1
    assert "its SHA-256 is not the report's" in json.loads(capsys.readouterr().out)["problems"][0]
    assert main(["verify", ends[0]]) == 2


def test_a_soup_is_scored_by_a_command(
    ends: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "score.py"
    script.write_text(
        "import sys, pathlib\nfrom safetensors.numpy import load_file\n"
        "value = float(load_file(pathlib.Path(sys.argv[1]) / 'model.safetensors')['action.w'][0])\n"
        "print('judged'); print(-abs(value - 0.5))"
    )
    command = f"{sys.executable} {script} {{}}"
    assert main(["soup", *ends, "--score", command, "-o", str(tmp_path / "soup")]) == 0
    assert "the mean of 2, score 0" in capsys.readouterr().out.replace("-0", "0")
    assert main(["soup", *ends, "--score", "false {}", "-o", str(tmp_path / "soup2")]) == 2
    assert "ended with exit code 1" in capsys.readouterr().err
    assert main(["soup", *ends, "--score", "true", "-o", str(tmp_path / "soup3")]) == 2
