"""The engines' benchmark on a small bundle: what is here plays, what is not is told, nothing is left running."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from retain.bench.contenders import ENGINES, Contender, default_threads, survey
from retain.bench.engine import EngineBenchSettings, bench_engine, count_turns
from retain.bench.engine_process import EngineProcess, gpu_used_mib
from retain.bench.engine_result import EngineBench
from retain.bench.engine_table import COLUMNS, engine_rows, fact_rows
from retain.bundle import Bundle
from retain.cli.main import main
from retain.errors import ConfigError, EngineError

from ..policy.act.lerobot_files import adopt_act  # noqa: TID252 (tests are no package that could be named)
from ..policy.act.tiny_act import act_policy  # noqa: TID252

pytest.importorskip("torch")
pytest.importorskip("onnx")

QUICK = ("--threads", "1", "--rounds", "2", "--seconds", "0")


@pytest.fixture(scope="module")
def measured(exported: Path) -> EngineBench:
    settings = EngineBenchSettings(engines=["cpu", "eager", "cuda"], threads=[1], rounds=3, seconds=0.05)
    return bench_engine(Bundle.open(exported), settings)


def test_every_engine_is_measured_or_told(measured: EngineBench) -> None:
    assert [run.contender.label for run in measured.runs] == ["cpu, 1 thread", "eager, 1 thread"]
    if "cuda" in measured.absent:
        assert "pip install 'retain-vla[gpu]'" in measured.absent["cuda"] or "NVIDIA" in measured.absent["cuda"]


def test_parts_and_whole_have_times_of_every_round(measured: EngineBench) -> None:
    steps = measured.bundle.manifest.flow_steps
    for run in measured.runs:
        for part, per_chunk in (("chunk", 1), ("prefix", 1), ("step", steps)):
            rounds = run.times[part]
            assert len(rounds) == 3
            assert [len(times) for times in rounds] == [per_chunk * len(times) for times in run.times["chunk"]]
            p50, p99 = run.percentile_s(part, 50), run.percentile_s(part, 99)
            assert p50 is not None
            assert p99 is not None
            assert 0 < p50 <= p99


def test_parity_stands_beside_the_speed(measured: EngineBench) -> None:
    cpu, eager = measured.runs
    assert set(cpu.errors) == set(eager.errors) == {"kv", "velocity", "chunk"}
    assert max(cpu.errors.values()) < 1e-5
    assert cpu.error_beside_eager is not None
    assert cpu.error_beside_eager < 1e-5
    assert measured.wrong == ()


def test_an_engine_that_computes_something_else_is_named(measured: EngineBench) -> None:
    cpu, eager = measured.runs
    for wrong in (0.5, float("nan")):
        runs = (replace(cpu, errors={**cpu.errors, "chunk": wrong}), eager)
        (sentence,) = replace(measured, runs=runs).wrong
        assert sentence.startswith("cpu, 1 thread may not drive: chunk is off by")


def test_memory_load_and_roofline_stand_beside_the_speed(measured: EngineBench) -> None:
    for run in measured.runs:
        assert 0 < run.memory["file_mib"] < run.memory["rss_mib"] <= run.memory["peak_mib"]
        assert run.load_s > 0
        assert run.first_chunk_s > 0
        assert run.gpu_mib is None
        assert run.floor_s is not None
        steps = measured.bundle.manifest.flow_steps
        assert run.floor_s["chunk"] == pytest.approx(run.floor_s["prefix"] + steps * run.floor_s["step"])
        assert run.roofline_percent is not None
        assert run.roofline_percent > 0


def test_ratios_are_of_turns_of_the_same_round(measured: EngineBench) -> None:
    cpu, eager = measured.runs
    slow = replace(eager, times={"chunk": ((2.0,), (40.0,), (3.0,))})
    fast = replace(cpu, times={"chunk": ((1.0,), (20.0,), (1.0,))})
    assert fast.times_faster_than(slow) == 2.0


def test_everything_is_one_json_object(measured: EngineBench) -> None:
    told = json.loads(json.dumps(measured.to_json(), allow_nan=False))
    assert set(told["times_faster_than_eager"]) == {"cpu, 1 thread"}
    assert {"cpu", "kernel", "load_1min", "packages"} <= set(told["machine"])
    assert told["cost"]["step"]["runs"] == measured.bundle.manifest.flow_steps
    assert told["engines"][0]["chunk"]["count"] >= 3


def test_rows_have_a_cell_for_every_column(measured: EngineBench) -> None:
    assert {len(row) for row in engine_rows(measured)} == {len(COLUMNS)}
    assert {"golden outputs", "turns", "processor"} <= {what for what, _ in fact_rows(measured)}


def test_a_policy_that_regresses_has_no_steps(tmp_path: Path) -> None:
    from retain.export.export import export_policy

    policy = adopt_act(act_policy(0), tmp_path / "policy")
    export_policy(policy, tmp_path / "bundle")
    settings = EngineBenchSettings(engines=["cpu", "eager"], threads=[1], rounds=1, seconds=0.0)
    result = bench_engine(Bundle.open(tmp_path / "bundle"), settings)
    assert result.wrong == ()
    for run in result.runs:
        assert run.floor_s is not None
        assert set(run.times) == {"chunk", "prefix"}
        assert set(run.floor_s) == {"chunk", "prefix"}
    assert [row[5:7] for row in engine_rows(result)] == [("", "")] * 2


def test_apart_every_turn_has_a_process_of_its_own(exported: Path) -> None:
    settings = EngineBenchSettings(engines=["cpu"], threads=[1], rounds=2, seconds=0.0, apart=True)
    told: list[str] = []
    result = bench_engine(Bundle.open(exported), settings, progress=told.append)
    assert told == ["cpu, 1 thread"] * 2
    assert count_turns(settings) == 2
    assert result.apart


def test_what_would_not_fit_into_memory_is_measured_apart(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from retain.bench import engine

    monkeypatch.setattr(engine, "_free_bytes", lambda: 1000)
    settings = EngineBenchSettings(engines=["cpu"], threads=[1], rounds=1, seconds=0.0)
    assert bench_engine(Bundle.open(exported), settings).apart


def test_a_process_that_dies_is_told_with_its_last_words(exported: Path) -> None:
    with EngineProcess(exported, Contender("cpu", 1), 4) as process:
        process.open()
        assert process._process is not None
        process._process.kill()
        with pytest.raises(EngineError, match=r"cpu, 1 thread ended without an answer: killed by signal 9"):
            process.play(0.0)


def test_an_engine_that_fails_leaves_the_others(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENGINES, "cuda", replace(ENGINES["cuda"], absence=lambda: None))
    settings = EngineBenchSettings(engines=["cuda", "cpu"], threads=[1], rounds=1, seconds=0.0)
    result = bench_engine(Bundle.open(exported), settings)
    assert [run.contender.engine for run in result.runs] == ["cpu"]
    assert "use the provider 'cpu'" in result.absent["cuda"]


def test_where_nothing_can_be_measured_every_reason_is_given(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENGINES, "cpu", replace(ENGINES["cpu"], absence=lambda: "no library"))
    with pytest.raises(EngineError, match="no engine can be measured here: cpu: no library"):
        bench_engine(Bundle.open(exported), EngineBenchSettings(engines=["cpu"]))


def test_by_default_all_are_surveyed_and_compilers_wait_to_be_asked() -> None:
    found = survey()
    assert {one.engine for one in found} == set(ENGINES)
    compiled = [one for one in found if one.engine == "compiled"]
    assert [bool(one.absent) for one in compiled] == [True]
    assert [one.threads for one in found if one.engine == "cpu"] == list(default_threads())


def test_a_compiler_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    (compiled,) = survey(["compiled"])
    assert compiled.absent is not None
    assert "there is no no-such-compiler" in compiled.absent


def test_memory_of_a_gpu_is_asked_of_the_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 1234\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert gpu_used_mib() == 1234.0
    program.write_text("#!/bin/sh\nexit 9\n")
    assert gpu_used_mib() is None


def test_the_command_writes_json_and_a_picture(
    exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    output, picture = tmp_path / "out" / "engine.json", tmp_path / "engine.png"
    arguments = ["bench", "engine", str(exported), *QUICK, "--engines", "cpu,eager"]
    assert main([*arguments, "--output", str(output), "--picture", str(picture)]) == 0
    assert json.loads(output.read_text())["wrong"] == []
    assert picture.read_bytes().startswith(b"\x89PNG")
    out = capsys.readouterr().out
    assert out.startswith("engine\tchunk p50\tp99\t")
    assert "golden outputs\t" in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--engines", "gpu"), "there is no engine gpu; there are cpu, cuda"),
        (("--threads", "0"), "threads are 0; expected 1 or more"),
        (("--rounds", "0"), "0 rounds"),
        (("--seconds", "-1"), "expected 1 or more, of 0 to 3600 s"),
    ],
)
def test_mistakes_exit_with_2_and_a_sentence(
    exported: Path, arguments: tuple[str, str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "engine", str(exported), *arguments]) == 2
    assert sentence in capsys.readouterr().err


def test_settings_are_checked_in_python_too() -> None:
    with pytest.raises(ConfigError, match="0 rounds"):
        EngineBenchSettings(rounds=0)


def test_ctrl_c_leaves_no_process_behind(exported: Path) -> None:
    command = [sys.executable, "-m", "retain.cli", "bench", "engine", str(exported), "--engines", "cpu"]
    running = subprocess.Popen(
        [*command, "--threads", "1", "--rounds", "1", "--seconds", "600"], stderr=subprocess.PIPE, text=True
    )
    workers: list[int] = []
    deadline = time.monotonic() + 150
    while not workers and time.monotonic() < deadline:
        time.sleep(0.1)
        workers = [child for child in _children(running.pid) if "engine_worker" in _command(child)]
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=100)
    assert workers
    assert running.returncode == 130
    assert said.strip().endswith("interrupted")
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""
