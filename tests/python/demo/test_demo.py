import json
import subprocess
import sys
from pathlib import Path

import pytest

SMALL = ["--demonstrations", "2", "--steps", "20", "--sweep-episodes", "1", "--episodes", "2", "--drives", "2"]


def demo(output: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "retain.cli", "demo", "--output", str(output), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_small_demo_goes_the_whole_way(tmp_path):
    result = demo(tmp_path / "demo", *SMALL, "--workers", "2", "--json")
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout[result.stdout.index("\n{\n") :])
    assert set(told["rates"]) >= {"base", "finetuned"}
    assert all(cell["n"] == 2 for suites in told["rates"].values() for cell in suites.values())
    assert len(told["drives"]) == 2
    assert all(drive["state"] == "hold" for drive in told["drives"])
    pictures = {path.name for path in (tmp_path / "demo").glob("*.png")}
    assert pictures == {"table.png", "alpha.png", "components.png", "film.png", "commands.png"}
    page = (tmp_path / "demo" / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png") == len(pictures) + 1  # and that of `retain sweep`
    assert told["alpha"] == json.loads((tmp_path / "demo" / "choice" / "choice.json").read_text())["alpha"]
    assert "$ retain merge-export compact-base" in result.stderr


def test_a_folder_that_is_no_demo_is_never_replaced(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    result = demo(tmp_path, "--force")
    assert result.returncode == 2
    assert "is not an earlier demo's folder" in result.stderr
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_an_earlier_demo_is_replaced_on_request_only(tmp_path):
    (tmp_path / ".retain-demo").touch()
    result = demo(tmp_path)
    assert result.returncode == 2
    assert "--force" in result.stderr


def test_a_demo_of_nothing_is_refused(tmp_path):
    result = demo(tmp_path / "demo", "--episodes", "0")
    assert result.returncode == 2
    assert "--episodes is 0; expected at least 1" in result.stderr
    assert not (tmp_path / "demo").exists()
