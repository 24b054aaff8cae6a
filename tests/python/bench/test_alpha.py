"""Ways to a new α on small policies: each does its work, is told stage by stage, and leaves nothing behind."""

import json
from pathlib import Path

import pytest
from retain.bench.alpha import OPENING, WAYS, AlphaBench, AlphaBenchSettings, AlphaRun, bench_alpha, count_steps
from retain.bench.alpha_table import COLUMNS, alpha_rows, fact_rows
from retain.cli.main import main
from retain.errors import ConfigError, MergeError

pytest.importorskip("torch")
pytest.importorskip("onnx")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def measured(base_policy: Path, finetuned_policy: Path, work: Path) -> AlphaBench:
    told: list[str] = []
    settings = AlphaBenchSettings(ways=("relinked", "refitted", "rebuilt"), rounds=2, work=work)
    result = bench_alpha(base_policy, finetuned_policy, settings, progress=told.append)
    assert len(told) == count_steps(settings)
    return result


def test_every_way_is_measured_or_told(measured: AlphaBench) -> None:
    there = [run.way for run in measured.runs]
    assert there[0] == "merge"
    assert {*there, *measured.absent} == set(WAYS)
    assert "refitted" in there or measured.absent["refitted"]


def test_stages_are_those_of_the_way(measured: AlphaBench) -> None:
    stages = {run.way: set(run.rounds[0]) for run in measured.runs}
    assert stages["merge"] == {"merge"}
    assert {"merge", "link", "reference", "engine", "golden"} <= stages["relinked"]
    assert "trace" not in stages["relinked"]
    assert {"merge", "load", "trace", "link", "record", "engine", "golden"} <= stages["rebuilt"]
    assert "reference" not in stages["rebuilt"]  # PyTorch has recorded it


def test_ready_is_made_and_opened(measured: AlphaBench) -> None:
    for run in measured.runs:
        assert len(run.ready_s) == len(run.made_s) == 2
        for stages, made, ready in zip(run.rounds, run.made_s, run.ready_s, strict=True):
            opening = sum(seconds for name, seconds in stages.items() if name in OPENING)
            assert ready == pytest.approx(made + opening)
            assert (opening > 0) == (run.way != "merge")


def test_ratios_are_of_the_same_alpha(measured: AlphaBench) -> None:
    runs = (
        AlphaRun("merge", ({"merge": 1.0}, {"merge": 10.0})),
        AlphaRun("relinked", ({"merge": 2.0}, {"merge": 30.0})),
    )
    result = AlphaBench(measured.settings, measured.machine, "compact", 1, runs, {})
    assert result.times_merge(runs[1].made_s) == 2.5
    assert result.times_merge(runs[0].made_s) == 1.0


def test_nothing_is_left_behind(measured: AlphaBench, work: Path) -> None:
    assert measured.runs
    assert list(work.iterdir()) == []


def test_nothing_is_left_behind_by_a_failure(base_policy: Path, bfloat16_policy: Path, tmp_path: Path) -> None:
    with pytest.raises(MergeError):
        bench_alpha(base_policy, bfloat16_policy, AlphaBenchSettings(ways=(), rounds=1, work=tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_figures_stand_in_rows_and_in_one_json_object(measured: AlphaBench) -> None:
    assert {len(row) for row in alpha_rows(measured)} == {len(COLUMNS)}
    assert {"policies", "rounds", "processor"} <= {what for what, _ in fact_rows(measured)}
    told = json.loads(json.dumps(measured.to_json(), allow_nan=False))
    assert [way["way"] for way in told["ways"]] == [run.way for run in measured.runs]
    assert told["ways"][0]["made_times_merge"] == 1.0


def test_the_command_writes_json(
    base_policy: Path, finetuned_policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out" / "alpha.json"
    ends = [str(base_policy), str(finetuned_policy)]
    assert main(["bench", "alpha", *ends, "--ways", "relinked", "--rounds", "1", "--output", str(output)]) == 0
    assert {way["way"] for way in json.loads(output.read_text())["ways"]} == {"merge", "relinked"}
    assert capsys.readouterr().out.startswith("way\tmade s\t")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"ways": ("magic",)}, "there is no way magic; there are merge, relinked"),
        ({"rounds": 0}, "0 rounds; expected 1 to 98"),
        ({"threads": 0}, "0 threads"),
    ],
)
def test_mistakes_are_refused(changes: dict[str, int], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        AlphaBenchSettings(**changes)
