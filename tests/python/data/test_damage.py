"""Whatever happens to a dataset's files, looking at it ends in findings or in one error, never in a traceback."""

import json
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from retain.data import describe
from retain.errors import DatasetError

from .episodes import write
from .old_version import write_old

KINDS = ["new image", "new video", "old image", "old video"]
STRANGE = st.sampled_from([None, -1, 0, 3.5, float("nan"), 10**9, "", "x", [], [1, "a"], {}, {"a": 1}, True])


@pytest.fixture(scope="module")
def healthy(tmp_path_factory):
    """By kind, a small dataset."""
    made = {}
    for kind in KINDS:
        version, dtype = kind.split()
        made[kind] = tmp_path_factory.mktemp("healthy") / "set"
        (write if version == "new" else write_old)(made[kind], (5, 4, 6), dtype=dtype, size=16)
    return made


def files(path):
    return sorted(file for file in path.rglob("*") if file.is_file())


def look(path):
    """Describe it; a DatasetError is an answer too."""
    try:
        found = describe(path, every_frame=True)
    except DatasetError as error:
        return [str(error)]
    json.dumps(found.as_json())
    return [str(finding) for finding in found.findings]


def one_line(found):
    assert not [sentence for sentence in found if "\n" in sentence]
    return found


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_bytes_that_are_lost_or_changed(healthy, tmp_path, data):
    copy = tmp_path / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(healthy[data.draw(st.sampled_from(KINDS))], copy)
    file = data.draw(st.sampled_from(files(copy)))
    content = bytearray(file.read_bytes())
    how = data.draw(st.sampled_from(["delete", "truncate", "empty", "scribble", "repeat"]))
    if how == "delete":
        file.unlink()
    elif how == "scribble":
        for _ in range(data.draw(st.integers(1, 20))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        file.write_bytes(content)
    else:
        cut = data.draw(st.integers(0, len(content) - 1))
        file.write_bytes({"truncate": content[:cut], "empty": b"", "repeat": content + content}[how])
    found = one_line(look(copy))
    if how in ("delete", "empty"):
        assert found


def places(value, path=()):
    """Every place in a JSON document."""
    if path:
        yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from places(child, (*path, key))


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_metadata_of_the_wrong_kind(healthy, tmp_path, data):
    copy = tmp_path / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(healthy[data.draw(st.sampled_from(["new image", "old image", "old video"]))], copy)
    file = data.draw(st.sampled_from([file for file in files(copy) if file.suffix in (".json", ".jsonl")]))
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.suffix == ".jsonl" else None
    document = json.loads(file.read_text()) if rows is None else rows
    *parents, last = data.draw(st.sampled_from(list(places(document))))
    inside = document
    for key in parents:
        inside = inside[key]
    if data.draw(st.booleans()):
        inside[last] = data.draw(STRANGE)
    else:
        del inside[last]
    text = json.dumps(document) if rows is None else "".join(json.dumps(row) + "\n" for row in rows)
    file.write_text(text)
    one_line(look(copy))
