"""`retain continual` from end to end, on a tiny policy and a few training steps."""

import json
import sys

import pytest
from retain.cli.main import main

pytest.importorskip("torch")
pytest.importorskip("mujoco")

RED, GREEN, BLUE = (f"reach the {color} block" for color in ("red", "green", "blue"))
QUICK = ["--steps", "2", "--batch-size", "8", "--warmup", "1", "--threads", "1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from retain.policy import save_policy

    from ..evaluate.conftest import tiny_policy  # noqa: TID252 (tests are no package that could be named)

    made = tmp_path_factory.mktemp("continual")
    save_policy(tiny_policy(), made / "base")
    for skill in (RED, GREEN, BLUE):
        assert main(["record", "--skill", skill, "--episodes", "1", "-o", str(made / skill.split()[2])]) == 0
    return made


@pytest.fixture
def continual(folder, monkeypatch, capsys):
    """Run a sub-command in the folder; what it returned, and what it said."""
    monkeypatch.chdir(folder)
    capsys.readouterr()

    def command(*arguments):
        code = main(["continual", *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def score(numbers):
    """A command that knows the policies by the number of their change."""
    script = f"import sys; n = {numbers}; print(next(v for k, v in n.items() if k in sys.argv[1]))"
    return f"'{sys.executable}' -c \"{script}\" {{}}"


def test_a_line_from_its_base_to_three_skills_and_back(continual, folder):
    assert continual("init", "base", "-o", "line", "--method", "anchored")[0] == 0

    # On the tabletop.
    code, out, _ = continual(
        "add", "line", "--data", "red", "--skill", RED, *QUICK, "--gate-episodes", "1", "--max-loss", "100"
    )
    assert code == 0
    assert out.splitlines()[0].split("\t") == ["", "before", "after", "lost", "95 %", "episodes"]
    assert [row.split("\t")[0] for row in out.splitlines()[1:3]] == ["generalist", f"{RED} (newest)"]
    assert f"line: {RED}" in out

    # By a command, which refuses.
    before = (folder / "line" / "line.json").read_bytes()
    worse = ["--score", score({"001-": 8, "002-": 1})]
    code, out, err = continual("add", "line", "--data", "green", "--skill", GREEN, *QUICK, *worse)
    assert code == 1
    assert "refused: line is as it was" in out
    assert "too much: score: 8 → 1, a loss of 7, and 5 are allowed" in err
    assert (folder / "line" / "line.json").read_bytes() == before
    assert "refused: " in continual("show", "line")[1]

    code, out, _ = continual("add", "line", "--data", "green", "--skill", GREEN, *QUICK, *worse, "--force")
    assert (code, f"line: {RED}, {GREEN} (forced)" in out) == (0, True)
    code, out, _ = continual(
        "add", "line", "--data", "blue", "--skill", BLUE, "--name", "blue", *QUICK, "--no-gate", "--json"
    )
    assert (code, json.loads(out)["made"], json.loads(out)["verdict"]) == (0, True, None)

    # What there is now.
    code, out, _ = continual("show", "line")
    rows = [row.split("\t") for row in out.splitlines()]
    assert [(row[0], row[-1]) for row in rows[1:4]] == [(RED, "in"), (GREEN, "forced in"), ("blue", "in")]
    assert rows[3][1:5] == ["0.7", "1", f"{RED}, {GREEN}", "not measured"]
    shown = json.loads(continual("show", "line", "--json")[1])
    policy = continual("show", "line", "--policy")[1].strip()
    assert shown["policy_directory"] == policy == str(folder / "line" / "changes" / "003-add-blue" / "policy")
    assert shown["next_start"] == str(folder / "line" / "changes" / "003-add-blue" / "finetuned")

    # What it kept, and the way back.
    code, out, _ = continual("check", "line", "--gate-episodes", "1", "--max-loss", "100", "--json")
    assert (code, [loss["name"] for loss in json.loads(out)["losses"]]) == (
        0, ["generalist", "earlier skills", RED, GREEN]
    )  # fmt: skip
    assert continual("check", "line", "--score", score({"003-": 1, "base": 8}))[0] == 1
    code, _, err = continual("remove", "line", GREEN, "--no-gate")
    assert (code, "--retrain" in err) == (2, True)
    assert continual("remove", "line", GREEN, "--no-gate", "--retrain")[0] == 0
    assert continual("remove", "line", "blue", "--no-gate")[0] == 0
    assert [row.split("\t")[-1] for row in continual("show", "line")[1].splitlines()[1:4]] == [
        "in", "taken out", "taken out"
    ]  # fmt: skip


def test_a_users_mistake_is_one_line_and_2(continual, folder):
    assert continual("init", "base", "-o", "mistakes")[0] == 0
    add = ("add", "mistakes", "--skill", RED)
    for arguments, sentence in [
        (("show", "nowhere"), "nowhere holds no line of skills; begin one with: retain continual init BASE -o nowhere"),
        (("init", "base", "-o", "mistakes"), "exists; give another name"),
        (add, "there is nothing to learn from; give --data DEMOS, or --finetuned DIR"),
        ((*add, "--data", "red", "--co-data", "blue"), "found 1 --co-data and 0 --co-ratio"),
        ((*add, "--data", "red", "--score", "true"), "expected a command with {} where the policy's directory goes"),
        ((*add, "--data", "nothing", "--no-gate"), "nothing"),
        ((*add, "--data", "red", "--steps", "0"), "steps is 0"),
        (("add", "mistakes", "--skill", "make tea", "--data", "red"), "cannot measure 'make tea' on the tabletop"),
        (("remove", "mistakes", RED), "there is no skill 'reach the red block' in this line; it has none"),
    ]:
        code, _, err = continual(*arguments)
        assert (code, err.count("\n")) == (2, 1), err
        assert err.startswith("retain continual: ")
        assert sentence in err
    assert [path.name for path in (folder / "mistakes").iterdir()] == ["line.json"]
