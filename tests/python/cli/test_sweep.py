import json

import pytest
from retain.cli.main import main

from ..evaluate.conftest import tiny_policy  # noqa: TID252

pytest.importorskip("matplotlib")
pytest.importorskip("mujoco")

SKILL = ["--skill", "reach the red block"]


@pytest.fixture(scope="module")
def ends(tmp_path_factory, data):
    """A base, and what a few steps on the new skill's demonstrations made of it."""
    from retain.policy import save_policy

    folder = tmp_path_factory.mktemp("ends")
    base, finetuned = str(folder / "base"), str(folder / "finetuned")
    save_policy(tiny_policy(), folder / "base")
    training = ["--data", data[1], "--steps", "5", "--batch-size", "4", "--lr", "3e-3", "--ema", "0", "--json"]
    assert main(["finetune", base, *training, "-o", finetuned]) == 0
    return [base, finetuned]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Recorded frames of the new skill and of an old one."""
    pytest.importorskip("pyarrow")
    folder = tmp_path_factory.mktemp("data")
    for name, skill in (("target", "reach the red block"), ("old", "reach the blue block")):
        assert main(["record", "--skill", skill, "--episodes", "1", "-o", str(folder / name)]) == 0
    return ["--target-data", str(folder / "target"), "--generalist-data", str(folder / "old")]


def test_a_sweep_leaves_a_choice_for_a_script_and_a_page_for_a_person(ends, tmp_path, capsys):
    arguments = ["sweep", *ends, *SKILL, "--levels", "0,0.5", "-n", "1", "-o", str(tmp_path / "out")]
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("candidate\tid\tood-val\tgeneralist\t")
    assert [line.split("\t")[0] for line in shown.splitlines()[1:4]] == ["α = 0", "α = 0.5", "α = 1"]
    told = json.loads((tmp_path / "out/choice.json").read_text(encoding="utf-8"))
    assert told["command"] in shown
    assert told["command"].startswith(f"retain merge {ends[0]} {ends[1]} --alpha ")
    assert "<h1>" in (tmp_path / "out/report.html").read_text(encoding="utf-8")

    outcomes = next((tmp_path / "out").glob("outcomes.*")).read_bytes()
    assert main([*arguments, "--json"]) == 0  # found, not run again
    assert json.loads(capsys.readouterr().out) == told
    assert next((tmp_path / "out").glob("outcomes.*")).read_bytes() == outcomes


def test_optuna_searches_by_component(ends, capsys):
    pytest.importorskip("optuna")
    assert main(["sweep", *ends, *SKILL, "--per-component", "--trials", "3", "-n", "1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    names = [one["name"] for one in told["rollouts"]["candidates"]]
    assert names[:2] == ["α = 0", "α = 1"]
    assert len(names) == 3
    assert names[2].startswith("vision=")


def test_frames_alone_give_a_recommendation_and_no_episode_is_run(ends, data, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("retain.evaluate.protocol.evaluate", None)
    capsys.readouterr()
    arguments = ["sweep", *ends, "--no-rollouts", "--levels", "0,0.5,1", *data, "-o", str(tmp_path / "out"), "--json"]
    assert main(arguments) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["by"], told["rollouts"]) == ("proxies", None)
    assert told["blind_spots"]
    assert "No episode was run." in (tmp_path / "out/report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--no-rollouts"], "--no-rollouts measures on recorded frames; give --target-data and --generalist-data"),
        (["--target-data", "x"], "proxies need both data sets"),
        (["--trials", "5", "--levels", "0,1"], "--trials chooses its own alpha"),
        (["--trials", "5", "--no-rollouts", "--target-data", "x", "--generalist-data", "y"], "--trials searches by"),
        (["--trials", "2"], "trials = 2; expected 3"),
        (["--levels", "0,2"], "α of vision is 2.0; expected 0"),
        (["--levels", "low"], "--levels"),
        (["-n", "0"], "n = 0"),
        (["--tolerance", "-3"], "the tolerance is -3 points of success; expected 0 to 100"),
        (["--skill", "make tea"], "does not understand 'make tea'"),
    ],
)
def test_a_users_mistake_is_one_line_and_2(ends, capsys, arguments, sentence):
    assert main(["sweep", *ends, *arguments]) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert shown.err.startswith("retain sweep: ")
    assert sentence in shown.err


def test_a_policy_that_is_not_there_is_told_before_a_folder_is_made(tmp_path, capsys):
    assert main(["sweep", "nowhere", "nowhere", "-o", str(tmp_path / "out")]) == 2
    assert "nowhere is not a policy directory" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_rollouts_decide_where_finetuning_has_taught_nothing_by_recorded_frames(ends, data, capsys):
    backwards = ["sweep", *reversed(ends), *SKILL, "--levels", "0,1", *data]
    assert main([*backwards, "-n", "1", "--json"]) == 0
    told = capsys.readouterr()
    assert "recorded frames are left out: the loss on the held-out demonstrations is" in told.err
    assert json.loads(told.out)["proxies"] is None
    assert main([*backwards, "--no-rollouts"]) == 2


def test_the_weights_of_several_runs_are_told_and_change_nothing(ends, data, tmp_path, capsys):
    frames = ["sweep", *ends, *SKILL, "--no-rollouts", *data, "--levels", "0,0.5,1", "--json"]
    assert main(frames) == 0
    alone = json.loads(capsys.readouterr().out)
    assert main([*frames, "--runs", ends[1]]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["alpha"] == alone["alpha"]
    assert alone["geometry"] is None
    assert told["geometry"]["whole"]["cosine"] == pytest.approx(1.0)  # with itself
    assert told["geometry"]["whole"]["alpha_of_mean"] == pytest.approx(1.0)
    assert main([*frames[:-1], "--runs", ends[1], "-o", str(tmp_path / "out")]) == 0
    assert "all weights\t" in capsys.readouterr().out
    assert "By the weights alone" in (tmp_path / "out/report.html").read_text(encoding="utf-8")
