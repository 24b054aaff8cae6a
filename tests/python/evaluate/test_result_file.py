import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retain.errors import EvaluationError
from retain.evaluate import EvaluationResult, Outcome, load_result, save_result
from retain.evaluate.result import PolicyOutcomes

arrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
OUTCOMES = st.builds(Outcome, st.integers(0, 2**32 - 1), WORDS, st.booleans(), st.integers(0, 2**31 - 1))
CELLS = st.dictionaries(st.integers(0, 10_000), OUTCOMES, max_size=4)
POLICIES = st.builds(PolicyOutcomes, WORDS, st.dictionaries(WORDS, CELLS, max_size=3))
RESULTS = st.builds(EvaluationResult, WORDS, st.integers(0, 2**63), st.dictionaries(WORDS, POLICIES, max_size=3))


def order(result):
    return [(name, policy.fingerprint, list(policy.suites)) for name, policy in result.policies.items()]


def made_up(episodes=3):
    """Two policies; the second has not begun its second suite."""
    cell = {index: Outcome(7 * index, "reach the red block", index % 3 == 0, 9 + index) for index in range(episodes)}
    return EvaluationResult(
        "reach the red block",
        5,
        {"b": PolicyOutcomes("bb", {"ood": cell, "id": cell}), "a": PolicyOutcomes("aa", {"ood": cell, "id": {}})},
    )


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "results.parquet"
    save_result(made_up(), path)
    return path


@given(RESULTS)
def test_what_is_saved_is_loaded_with_policies_and_suites_in_their_order(saved, result):
    path = saved.with_name("any.parquet")
    save_result(result, path)
    again = load_result(path)
    assert again == result
    assert order(again) == order(result)


def test_pyarrow_alone_counts_the_successes_of_every_policy_on_every_suite(tmp_path):
    result = made_up()
    save_result(result, tmp_path / "results.parquet")
    table = parquet.read_table(tmp_path / "results.parquet")
    counts = table.group_by(["policy", "suite"]).aggregate([("success", "sum"), ("success", "count")]).to_pylist()
    assert [tuple(row.values()) for row in counts] == [("b", "ood", 1, 3), ("b", "id", 1, 3), ("a", "ood", 1, 3)]
    assert table.to_pylist()[4] == {
        "policy": "b",
        "fingerprint": "bb",
        "suite": "id",
        "index": 1,
        "episode_seed": 7,
        "skill": "reach the red block",
        "success": False,
        "steps": 10,
    }
    about = json.loads(table.schema.metadata[b"retain.evaluation"])
    assert (about["schema"], about["skill"], about["seed"]) == (2, "reach the red block", 5)


def test_an_episode_takes_a_few_bytes_whatever_its_policy_is_called(tmp_path):
    result = made_up(episodes=5000)
    for name in list(result.policies):
        result.policies[1000 * name] = result.policies.pop(name)
    save_result(result, tmp_path / "results.parquet")
    assert (tmp_path / "results.parquet").stat().st_size < 15_000 * 8


def columns(**changed):
    """A result's table with some of its columns changed, or left out."""

    def change(table):
        for name, values in changed.items():
            at = table.schema.get_field_index(name)
            field = table.schema.field(at)
            table = table.remove_column(at)
            if values is not None:
                table = table.add_column(at, field, arrow.array(values, field.type))
        return table

    return change


def about(**changed):
    """A result's table with some of its metadata changed."""

    def change(table):
        known = json.loads(table.schema.metadata[b"retain.evaluation"])
        return table.replace_schema_metadata({b"retain.evaluation": json.dumps(known | changed)})

    return change


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda table: table.replace_schema_metadata(None), "parquet of something else"),
        (about(schema=3), "its schema is 3, this version reads 2"),
        (about(policies=[]), "'b'"),
        (columns(steps=None), "expected the columns policy, .*, steps, found policy, .*, success"),
        (lambda table: table.set_column(7, "steps", table["steps"].cast("double")), "expected the columns"),
        (lambda table: table.set_column(6, "success", arrow.nulls(9, "bool")), "expected the columns"),
        (columns(index=[0, 1, 1, 0, 1, 2, 0, 1, 2]), "episode 1 of 'b' on 'ood' is there twice"),
        (columns(fingerprint=["bb"] * 5 + ["other"] * 4), "episode 2 of 'b' on 'id' is there twice or of another"),
    ],
)
def test_parquet_of_something_else_is_one_sentence(tmp_path, change, found):
    path = tmp_path / "results.parquet"
    save_result(made_up(), path)
    parquet.write_table(change(parquet.read_table(path)), path)
    with pytest.raises(EvaluationError, match=rf"results\.parquet holds no evaluation results \(.*{found}.*give anoth"):
        load_result(path)


@pytest.mark.parametrize("contents", [b"", b"{}", b'{"schema": 1, "policies": []}', b"PAR1" * 9])
def test_what_is_no_parquet_is_one_sentence(tmp_path, contents):
    (tmp_path / "results.parquet").write_bytes(contents)
    with pytest.raises(EvaluationError, match=r"holds no evaluation results .*give another -o file"):
        load_result(tmp_path / "results.parquet")
    with pytest.raises(EvaluationError, match=r"nowhere\.parquet cannot be read \(No such file or directory\)"):
        load_result(tmp_path / "nowhere.parquet")


@given(place=st.floats(0, 1, exclude_max=True), flipped=st.integers(1, 255))
def test_a_damaged_file_is_refused_or_gives_the_same_outcomes(saved, place, flipped):
    contents = bytearray(saved.read_bytes())
    contents[int(place * len(contents))] ^= flipped
    path = saved.with_name("damaged.parquet")
    path.write_bytes(contents)
    try:
        again = load_result(path)
    except EvaluationError:
        return
    cells = [list(cell.values()) for policy in again.policies.values() for cell in policy.suites.values()]
    assert cells == [list(cell.values()) for policy in made_up().policies.values() for cell in policy.suites.values()]


def test_a_file_that_cannot_be_written_is_one_sentence_and_nothing_is_left_behind(tmp_path, monkeypatch):
    path = tmp_path / "results.parquet"
    save_result(made_up(), path)
    before = path.read_bytes()

    def full(table, file, **options):
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(parquet, "write_table", full)
    with pytest.raises(EvaluationError, match=r"cannot be written \(No space left on device\)"):
        save_result(made_up(9), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
