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
        "alpha": 0.0, "tensors": 1, "bytes": 40, "copy": 1, "convert": 0, "linear": 0,
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
