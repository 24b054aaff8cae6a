import json
import subprocess
import sys

from retain.evaluate import load_result
from retain.sim import SUITES


def run(*arguments, cwd=None):
    command = [sys.executable, "-m", "retain.cli", "evaluate", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


def test_one_policy_gives_a_table_of_counts_and_intervals():
    result = run("expert", "--suites", "id,ood-val", "-n", "3", "--skill", "reach the red block")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == ["policy\tid\tood-val", "expert\t3/3  100 % [44, 100]\t3/3  100 % [44, 100]"]


def test_several_policies_are_compared_with_the_first_and_kept_in_the_file(tmp_path):
    arguments = ["a=expert", "b=expert", "--suites", "id", "-n", "2", "-o", "out/results.parquet", "--json"]
    result = run(*arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    summary = json.loads(result.stdout)
    assert summary["skill"] == "place the red block near right"
    assert summary["rates"]["b"]["id"]["n"] == 2
    assert [(one["policy"], one["reference"], one["p_holm"]) for one in summary["comparisons"]] == [("b", "a", 1.0)]
    assert list(load_result(tmp_path / "out/results.parquet").policies) == ["a", "b"]


def test_a_users_mistake_is_one_line_and_2(tmp_path):
    for arguments, sentence in [
        (("nowhere",), "nowhere is not a policy directory"),
        (("expert", "--suites", "ood"), "there is no suite 'ood'"),
        (("expert", "expert"), "two policies are called 'expert'"),
        (("expert", "--skill", "make tea"), "does not understand 'make tea'"),
        (("expert", "-n", "0"), "n = 0"),
        (("expert", "-n", "id=3"), "n says nothing of the suite 'ood-val'"),
        (("expert", "-o", "results.json"), "give -o a name that ends in .parquet"),
    ]:
        result = run(*arguments, cwd=tmp_path)
        assert (result.returncode, result.stderr.count("\n")) == (2, 1)
        assert result.stderr.startswith("retain evaluate: ")
        assert sentence in result.stderr


def test_a_number_of_episodes_that_is_none_or_not_one_is_refused_with_an_example():
    for text, sentence in [
        ("id=many", "found 'id=many', expected 100, or id=50,generalist=200"),
        ("id=5,id=9", "found 'id=5,id=9', expected one number for each suite"),
    ]:
        result = run("expert", "--suites", "id", "-n", text)
        assert result.returncode == 2
        assert sentence in result.stderr


def test_help_explains_every_suite():
    shown = run("--help").stdout
    assert all(f"\n  {suite} " in shown for suite in SUITES)
