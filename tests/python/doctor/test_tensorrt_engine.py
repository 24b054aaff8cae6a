"""What the doctor says about retain's own TensorRT engine: it reads the module's file and loads nothing."""

from pathlib import Path

import pytest
from retain.doctor import Finding, Machine, Status
from retain.doctor.libraries import check_libraries
from retain.doctor.machine import module_file

from .computers import machine, nothing, orin


def engine_of(computer: Machine) -> Finding:
    return next(finding for finding in check_libraries(computer) if finding.what == "tensorrt-native")


def package(folder: Path, contents: bytes | None) -> dict[str, Path]:
    """An installed extension, with a module beside it or without."""
    folder.mkdir()
    if contents is not None:
        (folder / "libretain_tensorrt.so").write_bytes(contents)
    return {"retain._core": folder / "_core.so"}


@pytest.mark.parametrize("before", [b"", b"\x7fELF\0libnvinfer.so.\0"])
def test_the_release_that_it_was_built_for_is_read_from_its_file(before: bytes, tmp_path: Path) -> None:
    files = package(tmp_path / "retain", before + b"libnvinfer.so.10\0libcuda")
    found = engine_of(machine(orin(tmp_path / "root"), files=files))
    assert (found.status, found.found) == (Status.OK, "built for TensorRT 10")


def test_one_for_another_major_release_has_to_be_built_again(tmp_path: Path) -> None:
    files = package(tmp_path / "retain", b"libnvinfer.so.11\0")
    found = engine_of(machine(orin(tmp_path / "root"), files=files))
    assert (found.status, found.expected) == (Status.WARN, "an engine for TensorRT 10")
    assert "--no-cache-dir" in found.mend


def test_where_tensorrt_is_and_the_engine_is_not_the_headers_are_what_was_missing(tmp_path: Path) -> None:
    found = engine_of(machine(orin(tmp_path / "root"), files=package(tmp_path / "retain", None)))
    assert found.status is Status.WARN
    assert found.mend.startswith("sudo apt install libnvinfer-dev cuda-cudart-dev && pip install ")


def test_a_file_of_another_build_is_told(tmp_path: Path) -> None:
    found = engine_of(machine(orin(tmp_path / "root"), files=package(tmp_path / "retain", b"\x7fELF")))
    assert found.status is Status.WARN
    assert "tells no release" in found.found


def test_without_tensorrt_nothing_is_claimed(tmp_path: Path) -> None:
    for number, contents in enumerate((None, b"libnvinfer.so.10\0")):
        files = package(tmp_path / str(number), contents)
        assert engine_of(machine(nothing(tmp_path), files=files)).status is Status.ABSENT


def test_a_library_whose_name_tells_no_release_is_no_reason_to_build_again(tmp_path: Path) -> None:
    (tmp_path / "usr/lib").mkdir(parents=True)
    (tmp_path / "usr/lib/libnvinfer.so").touch()
    files = package(tmp_path / "retain", b"libnvinfer.so.11\0")
    assert engine_of(machine(tmp_path, files=files)).status is Status.OK


def test_modules_are_found_without_being_imported() -> None:
    core = module_file("retain._core")
    assert core is not None
    assert core.name.startswith("_core.")
    assert module_file("retain._nothing") is None
    assert module_file("no_such_package.module") is None
