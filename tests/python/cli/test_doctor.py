import json
from pathlib import Path

import pytest
from retain.cli.main import main


def test_json_and_exit_code_agree_on_what_is_bad(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert code == (1 if told["counts"]["bad"] else 0)
    assert sum(told["counts"].values()) == len(told["findings"])
    assert {"what", "status", "found", "expected", "mend", "realtime"} == set(told["findings"][0])


def test_the_table_is_plain_when_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "\twhat\tfound\texpected\tmend"
    assert all(len(line.split("\t")) == 5 for line in lines[:-1])
    assert lines[-1].endswith("absent")


def test_a_recordings_folder_that_is_not_there_is_bad(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--recordings", str(tmp_path / "nowhere")]) == 1
    assert f"mkdir -p {tmp_path / 'nowhere'}" in capsys.readouterr().out
