"""Finding and loading librealsense."""

from pathlib import Path

import pytest
from retain._core import realsense as core
from retain.errors import DeviceError
from retain.runtime import realsense
from retain.runtime.realsense import find_librealsense


def test_the_path_given_comes_first() -> None:
    assert find_librealsense(Path("/opt/librealsense2.so")) == Path("/opt/librealsense2.so")


def test_the_sdks_newest_release_comes_before_the_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for release in ("2.55.1", "2.56.10", "2.56.9"):
        (tmp_path / f"librealsense2.so.{release}").touch()
    monkeypatch.setattr(realsense, "SDK_DIRECTORIES", (str(tmp_path),))
    assert find_librealsense().name == "librealsense2.so.2.56.10"


def test_without_any_the_sentence_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(realsense, "SDK_DIRECTORIES", (str(tmp_path),))
    monkeypatch.setattr(realsense.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(DeviceError, match=r"pip install 'retain-vla\[realsense\]' && apt-get install libusb-1.0-0"):
        find_librealsense()


def test_what_is_not_librealsense_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="cannot load librealsense"):
        core.Context(tmp_path / "librealsense2.so.2.99")
    libc = next(iter(Path("/").glob("lib/*-linux-gnu/libc.so.6")), None)
    if libc is not None:
        with pytest.raises(DeviceError, match="has no function rs2_get_api_version"):
            core.Context(libc)


def test_the_wheels_library_loads_without_importing_it(library: Path) -> None:
    context = core.Context(library)
    assert context.version.startswith("2.")
