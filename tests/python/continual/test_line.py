"""The ledger and its directory: written whole, read with distrust, changed by one at a time."""

import json
from dataclasses import replace

import pytest
from retain.continual import create, read
from retain.continual.line import Line
from retain.continual.store import aside, begin_change, only_one
from retain.errors import CheckpointError, ContinualError
from retain.policy import BASE_NAME, resolve

from .brought import SKILLS, begin, bring


@pytest.fixture
def line(tmp_path):
    root = begin(tmp_path, "sequential")
    for number in range(2):
        bring(root, number)
    return root


def test_a_new_line_is_the_base(tmp_path):
    root = begin(tmp_path, "anchored")
    line = read(root)
    assert line.policy == line.base
    assert line.skills == ()
    assert [path.name for path in root.iterdir()] == ["line.json"]


def test_the_packaged_base_is_recorded_by_its_name_so_that_another_installation_finds_it(tmp_path):
    line = create(BASE_NAME, tmp_path / "line", "anchored")
    assert line.base.path == BASE_NAME
    assert line.base.files["model.safetensors"]["bytes"] == (resolve(BASE_NAME) / "model.safetensors").stat().st_size


def test_what_is_written_is_read_again(line):
    found = read(line)
    assert Line.from_json(json.loads(json.dumps(found.to_json())), "line.json") == found
    assert [skill.name for skill in found.present] == list(SKILLS[:2])
    assert found.changes == ("001-add-drawer", "002-add-cup")


def test_the_ledger_holds_task_vectors_with_their_provenance(line):
    first, second = read(line).skills
    assert first.start == read(line).base
    assert second.start == first.policy == second.previous
    assert second.policy.path == "changes/002-add-cup/policy"
    for end in (first.start, first.finetuned, first.policy, second.finetuned):
        assert all(len(file["sha256"]) == 64 for file in end.files.values())


def test_a_line_can_be_moved(line):
    moved = line.rename(line.with_name("moved"))
    assert bring(moved, 2).made


def test_a_broken_ledger_is_one_sentence(line, tmp_path):
    with pytest.raises(ContinualError, match="holds no line of skills; begin one with: retain continual init BASE"):
        read(tmp_path / "base")
    document = read(line).to_json()
    file = line / "line.json"
    for change, sentence in [
        ({"schema_version": 9}, "has the schema 9, this version reads 1"),
        ({"method": "serial"}, "holds no line of skills"),
        ({"skills": [{"name": "cup"}]}, "holds no line of skills"),
    ]:
        file.write_text(json.dumps(document | change))
        with pytest.raises(ContinualError, match=sentence):
            read(line)
    file.write_text("{")
    with pytest.raises(CheckpointError, match="is not JSON"):
        read(line)


def test_a_line_is_not_made_where_it_would_harm(tmp_path):
    root = begin(tmp_path, "anchored")
    with pytest.raises(CheckpointError, match="exists; give another name"):
        create(tmp_path / "base", root, "anchored")
    with pytest.raises(ContinualError, match="lies inside the base, which is never changed"):
        create(tmp_path / "base", tmp_path / "base" / "line", "anchored")
    with pytest.raises(ContinualError, match="no continual method 'serial'"):
        create(tmp_path / "base", tmp_path / "other", "serial")
    with pytest.raises(CheckpointError, match="does not exist"):
        create(tmp_path / "nowhere", tmp_path / "other", "anchored")


def test_one_process_at_a_time_changes_a_line(line):
    with only_one(line), pytest.raises(ContinualError, match="another process is changing"):
        bring(line, 2)
    assert bring(line, 2).made


def test_a_skill_is_found_only_while_it_is_there(line):
    found = read(line)
    assert found.find("cup") is found.skills[1]
    without = found.without("cup", found.base)
    assert [skill.name for skill in without.present] == ["drawer"]
    with pytest.raises(ContinualError, match="there is no skill 'cup' in this line; it has 'drawer'"):
        without.find("cup")
    without.check_new("cup")
    with pytest.raises(ContinualError, match="the line has a skill 'drawer' already"):
        without.check_new("drawer")


def test_a_change_goes_on_only_with_the_same_request(tmp_path):
    folder = tmp_path / "changes" / "001-add-cup"
    asked = {"name": "cup", "alpha": 0.5, "training": {"steps": 3}}
    begin_change(folder, asked, restart=False)
    (folder / "finetuned").mkdir()
    (folder / "policy").mkdir()
    begin_change(folder, asked, restart=False)
    assert (folder / "policy").exists()
    with pytest.raises(ContinualError, match=r"was begun with other options \(training\); give the same ones"):
        begin_change(folder, asked | {"training": {"steps": 4}}, restart=False)
    begin_change(folder, asked | {"alpha": 0.3}, restart=False)
    assert sorted(path.name for path in folder.iterdir()) == ["finetuned", "request.json"]
    begin_change(folder, asked | {"training": {"steps": 4}}, restart=True)
    assert [path.name for path in folder.iterdir()] == ["request.json"]


def test_folders_that_no_change_made_are_aside(line):
    (line / "changes" / "003-add-lamp").mkdir()
    (line / "changes" / ".003-add-door.old").mkdir()
    assert [folder.name for folder in aside(read(line), line)] == ["003-add-lamp"]
    assert aside(replace(read(line), changes=()), line) != []
