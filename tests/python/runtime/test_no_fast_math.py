"""The build refuses fast-math: it would compile the robot's last gate, `isfinite`, to `true`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
BESIDE_PYTHON = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
CMAKE = shutil.which("cmake", path=BESIDE_PYTHON)
COMPILER = shutil.which("c++")

pytestmark = pytest.mark.skipif(CMAKE is None or COMPILER is None, reason="cmake or a C++ compiler is not installed")


def configure(build: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A real configuration of this source tree, up to its end or its first error."""
    assert CMAKE is not None
    command = [CMAKE, "-S", str(REPOSITORY), "-B", str(build), "-DRETAIN_PYTHON=OFF", "-DRETAIN_TESTS=OFF", *options]
    clean = {name: value for name, value in os.environ.items() if name not in {"CXXFLAGS", "CXX", "CMAKE_GENERATOR"}}
    return subprocess.run(command, env=clean | environment, capture_output=True, text=True, timeout=250, check=False)


@pytest.mark.parametrize("flag", ["-ffast-math", "-Ofast", "-ffinite-math-only"])
def test_fast_math_in_the_flags_is_refused(tmp_path: Path, flag: str) -> None:
    done = configure(tmp_path, f"-DCMAKE_CXX_FLAGS=-O2 {flag}")
    assert done.returncode != 0
    assert "must not be compiled with fast-math" in done.stderr
    assert flag in done.stderr


def test_fast_math_in_one_build_type_or_in_the_environment_is_refused(tmp_path: Path) -> None:
    for number, (options, environment) in enumerate(
        [(["-DCMAKE_CXX_FLAGS_RELEASE=-O3 -ffast-math"], {}), ([], {"CXXFLAGS": "-Ofast"})]
    ):
        done = configure(tmp_path / str(number), *options, **environment)
        assert done.returncode != 0
        assert "must not be compiled with fast-math" in done.stderr


def test_a_compiler_that_does_it_by_itself_is_found_out(tmp_path: Path) -> None:
    wrapper = tmp_path / "c++"
    wrapper.write_text(f'#!/bin/sh\nexec {COMPILER} -ffast-math "$@"\n')
    wrapper.chmod(0o755)
    done = configure(tmp_path / "build", f"-DCMAKE_CXX_COMPILER={wrapper}")
    assert done.returncode != 0
    assert "enable finite-math-only" in done.stderr


def test_without_it_the_tree_configures(tmp_path: Path) -> None:
    done = configure(tmp_path, "-DCMAKE_CXX_FLAGS=-O2")
    assert done.returncode == 0, done.stderr
