"""Options, file and defaults of `retain run`: what they make together, and what is refused."""

import argparse
import json
from pathlib import Path

import pytest
from retain.cli import run_devices, run_options
from retain.cli.main import main
from retain.errors import ConfigError
from retain.runtime import STRATEGIES, CameraProfile, RunConfiguration


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    run_options.add_options(parser)
    return parser.parse_args(["BUNDLE", "--task", "anything", *arguments])


def configuration(*arguments: str) -> RunConfiguration:
    args = parse(*arguments)
    run_options.check_options(args)
    return run_options.configuration_of(args)


def test_every_strategy_of_the_loop_can_be_chosen() -> None:
    assert set(run_options.STRATEGIES) == set(STRATEGIES)
    for strategy in STRATEGIES:
        assert configuration("--strategy", strategy).strategy == strategy


@pytest.mark.parametrize(
    ("arguments", "field", "value"),
    [
        (("--duration", "7"), "duration_s", 7.0),
        (("--rate", "100"), "rate_hz", 100.0),
        (("--execute-rows", "3"), "execute_rows", 3),
        (("--overlap", "weighted"), "overlap", "weighted"),
        (("--attended",), "attended", True),
        (("--seed", "9"), "seed", 9),
    ],
)
def test_an_option_sets_its_field_and_nothing_else(arguments: tuple[str, ...], field: str, value: object) -> None:
    changed = configuration(*arguments).model_dump()
    plain = configuration().model_dump()
    assert changed.pop(field) == value
    assert plain.pop(field) != value
    assert {**changed, "log_s": 0} == {**plain, "log_s": 0}


def test_workspace_and_real_time_are_set_part_by_part() -> None:
    found = configuration("--workspace", "0", "1", "2", "3", "4", "5", "--priority", "0", "--cpu", "1")
    assert found.workspace is not None
    assert (found.workspace.low_m, found.workspace.high_m) == ((0, 1, 2), (3, 4, 5))
    assert (found.realtime.priority, found.realtime.cpu, found.realtime.lock_memory) == (None, 1, True)
    assert configuration().realtime.priority == 80


def test_a_servo_bus_is_slower_than_a_simulation() -> None:
    assert configuration().rate_hz == 500
    assert configuration("--robot", "feetech", "--port", "x", "--calibration", "y").rate_hz == 200


def test_the_flight_record_covers_the_whole_run_unless_told_otherwise(tmp_path: Path) -> None:
    assert configuration("--duration", "100").log_s == 102
    assert configuration("--duration", "0").log_s == RunConfiguration().log_s
    file = tmp_path / "run.json"
    file.write_text('{"log_s": 5}')
    assert configuration("--config", str(file), "--duration", "100").log_s == 5


def test_options_win_over_the_file_and_the_file_over_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_text('{"strategy": "sync", "rate_hz": 50, "attended": true, "realtime": {"priority": 7, "cpu": 0}}')
    found = configuration("--config", str(file), "--rate", "60", "--no-attended", "--cpu", "1")
    assert (found.strategy, found.rate_hz, found.attended) == ("sync", 60, False)
    assert (found.realtime.priority, found.realtime.cpu) == (7, 1)
    assert found.max_frame_age_s == RunConfiguration().max_frame_age_s


def test_what_is_printed_is_what_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--strategy", "sync", "--rate", "123", "--workspace", "-1", "-1", "-1", "1", "1", "1", "--priority", "0")
    assert main(["run", "--print-config", *options]) == 0
    printed = capsys.readouterr().out
    file = tmp_path / "run.json"
    file.write_text(printed)
    assert main(["run", "--print-config", "--config", str(file)]) == 0
    assert capsys.readouterr().out == printed
    assert set(json.loads(printed)) == set(RunConfiguration.model_fields)
    assert configuration("--config", str(file)) == configuration(*options)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "is no JSON"),
        ("[]", "holds no JSON object"),
        ('{"rate": 5}', "rate is 5"),
        ('{"rate_hz": "fast"}', "rate_hz is 'fast'"),
        ('{"realtime": {"priority": 100}}', "realtime.priority is 100"),
        ('{"workspace": {"low_m": [0, 0, 0], "high_m": [0, 1, 1]}}', "not below"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "run.json"
    file.write_text(text)
    with pytest.raises(ConfigError, match=sentence):
        configuration("--config", str(file))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.json.*--print-config"):
        configuration("--config", str(tmp_path / "none.json"))


FEETECH = ("--robot", "feetech", "--port", "p", "--calibration", "c")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--port", "p"), "--port belongs to --robot feetech"),
        (("--calibration", "c"), "--calibration belongs to --robot feetech"),
        (("--answer-margin", "0.1"), "--answer-margin belongs to --robot feetech"),
        (("--camera", "front=realsense"), "--camera belongs to --robot feetech"),
        (("--camera-mode", "640x480"), "--camera-mode belongs to --robot feetech"),
        ((*FEETECH, "--suite", "id"), "--suite belongs to --robot mujoco"),
        ((*FEETECH, "--episodes", "0"), "--episodes belongs to --robot mujoco"),
        ((*FEETECH, "--virtual"), "--virtual belongs to --robot mujoco"),
        (("--robot", "feetech", "--port", "p"), "--calibration is missing"),
        (("--robot", "feetech", "--calibration", "c"), "--port is missing"),
        (("--delay", "0"), "give --virtual too"),
        (("--virtual", "--record", "x"), "--record has no effect in virtual time"),
        (("--virtual", "--black-box", "x"), "--black-box has no effect in virtual time"),
        (("--virtual", "--priority", "0"), "--priority has no effect in virtual time"),
        (("--virtual", "--cpu", "0"), "--cpu has no effect in virtual time"),
        (("--virtual", "--attended"), "--attended has no effect in virtual time"),
        (("--strategy", "sync", "--overlap", "weighted"), "--overlap is for --strategy async"),
        (("--rate", "1"), "rate_hz is 1.0"),
        (("--execute-rows", "0"), "execute_rows is 0"),
    ],
)
def test_an_option_without_effect_is_refused(arguments: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        configuration(*arguments)


def test_a_run_needs_a_bundle_and_a_task(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run"]) == 2
    assert capsys.readouterr().err == "retain run: BUNDLE is missing; see: retain run --help\n"
    assert main(["run", "BUNDLE"]) == 2
    assert "--task is missing" in capsys.readouterr().err


def test_nobody_is_waited_for_where_nobody_can_answer(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "BUNDLE", "--task", "anything", "--attended"]) == 2
    assert "standard input is no terminal" in capfd.readouterr().err
    file = tmp_path / "run.json"
    file.write_text('{"attended": true}')
    assert main(["run", "BUNDLE", "--task", "anything", "--virtual", "--config", str(file)]) == 2
    assert "in virtual time nobody is there" in capfd.readouterr().err


def test_cameras_are_named_by_role_kind_and_number() -> None:
    given = ("a=realsense:123", "b=realsense", "c=recording:some/dir/film.db3", "d=v4l2:/dev/v4l/by-id/usb-1:2")
    assert run_devices.camera_sources(given) == {
        "a": ("realsense", "123"),
        "b": ("realsense", None),
        "c": ("recording", Path("some/dir/film.db3")),
        "d": ("v4l2", Path("/dev/v4l/by-id/usb-1:2")),
    }


@pytest.mark.parametrize(
    "option",
    [
        "front",
        "=realsense",
        "front=",
        "front=webcam:0",
        "front=realsense:",
        "front=recording:",
        "front=recording",
        "front=v4l2:",
    ],
)
def test_what_names_no_camera_is_refused(option: str) -> None:
    with pytest.raises(ConfigError, match="names no camera; expected"):
        run_devices.camera_sources([option])
    with pytest.raises(ConfigError, match="gives front twice"):
        run_devices.camera_sources(["front=realsense:1", "front=realsense:2"])


def test_a_mode_other_than_the_policys_is_cropped() -> None:
    frames = (CameraProfile("front", 48, 64),)
    plain = run_devices.camera_mode(None)
    assert (plain.size, plain.fps, plain.cropped(frames)) == (None, 30, False)
    same = run_devices.camera_mode("64x48")
    assert (same.size, same.fps, same.cropped(frames)) == ((48, 64), 30, False)
    other = run_devices.camera_mode("640x480@15")
    assert (other.size, other.fps, other.cropped(frames)) == ((480, 640), 15, True)
    for wrong in ("640", "640x", "0x480", "640x480@0", "640x480@", "axb"):
        with pytest.raises(ConfigError, match="is no mode"):
            run_devices.camera_mode(wrong)
