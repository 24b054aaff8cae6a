"""libretain_tensorrt.so is built where TensorRT's headers are, and goes into the wheel beside the extension."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
CMAKE = shutil.which("cmake", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")

pytestmark = pytest.mark.skipif(CMAKE is None, reason="cmake is not installed")

TEN = "#define NV_TENSORRT_MAJOR 10 //!< major\n#define NV_TENSORRT_MINOR 3\n#define NV_TENSORRT_PATCH 0\n"
ELEVEN = (
    "#define TRT_MAJOR_ENTERPRISE 11\n#define TRT_MINOR_ENTERPRISE 1\n#define TRT_PATCH_ENTERPRISE 0\n"
    "#define NV_TENSORRT_MAJOR TRT_MAJOR_ENTERPRISE\n"
)


def headers(folder: Path, version: str) -> Path:
    """The headers as far as CMake looks into them."""
    (folder / "include").mkdir(parents=True)
    for name, text in (("NvInfer.h", ""), ("NvInferVersion.h", version), ("cuda_runtime_api.h", "")):
        (folder / "include" / name).write_text(text)
    return folder


def cmake(*arguments: str, root: Path) -> subprocess.CompletedProcess[str]:
    assert CMAKE is not None
    environment = os.environ | {"TENSORRT_ROOT": str(root), "CUDA_HOME": str(root)}
    return subprocess.run(
        [CMAKE, *arguments], env=environment, capture_output=True, text=True, timeout=250, check=False
    )


def find(root: Path, tmp_path: Path) -> str:
    """What FindTensorRT.cmake says: the release, or why not."""
    script = tmp_path / "find.cmake"
    script.write_text(
        f"include({REPOSITORY}/cmake/FindTensorRT.cmake)\n"
        'message("${TensorRT_FOUND}: ${TensorRT_VERSION} ${TensorRT_NOT_FOUND_MESSAGE}")\n'
    )
    # Not in /usr/include, whatever this computer has there.
    hidden = ("-DCMAKE_FIND_USE_CMAKE_SYSTEM_PATH=OFF", "-DCMAKE_FIND_USE_SYSTEM_ENVIRONMENT_PATH=OFF")
    done = cmake(*hidden, "-P", str(script), root=root)
    assert done.returncode == 0, done.stderr
    return done.stderr.strip()


@pytest.mark.parametrize(("version", "number"), [(TEN, "10.3.0"), (ELEVEN, "11.1.0")], ids=["10", "11"])
def test_the_headers_release_is_read_in_both_spellings(version: str, number: str, tmp_path: Path) -> None:
    assert find(headers(tmp_path / "sdk", version), tmp_path) == f"TRUE: {number}"


def test_without_headers_or_with_old_ones_the_reason_is_given(tmp_path: Path) -> None:
    assert "NvInfer.h was not found (apt: libnvinfer-dev; or set TENSORRT_ROOT)" in find(tmp_path / "none", tmp_path)
    old = headers(tmp_path / "old", TEN.replace("MAJOR 10", "MAJOR 8"))
    assert find(old, tmp_path).endswith("is older than 10.0")


def test_headers_that_are_found_put_the_module_into_the_wheel_beside_the_extension(tmp_path: Path) -> None:
    pybind11 = pytest.importorskip("pybind11")
    build = tmp_path / "build"
    done = cmake(
        "-S", str(REPOSITORY), "-B", str(build), f"-DPython_EXECUTABLE={sys.executable}",
        f"-Dpybind11_DIR={pybind11.get_cmake_dir()}", root=headers(tmp_path / "sdk", TEN),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "TensorRT engine with the headers of 10.3.0" in done.stdout
    extension = (build / "csrc/bind/cmake_install.cmake").read_text()
    module = (build / "csrc/engine/tensorrt/cmake_install.cmake").read_text()
    assert "${CMAKE_INSTALL_PREFIX}/retain/_core" in extension
    assert "${CMAKE_INSTALL_PREFIX}/retain/libretain_tensorrt.so" in module


def test_asked_for_and_without_fitting_headers_the_build_stops_and_says_why(tmp_path: Path) -> None:
    old = headers(tmp_path / "sdk", TEN.replace("MAJOR 10", "MAJOR 8"))
    done = cmake("-S", str(REPOSITORY), "-B", str(tmp_path / "build"), "-DRETAIN_PYTHON=OFF", "-DRETAIN_TESTS=OFF",
                 "-DRETAIN_TENSORRT=ON", root=old)  # fmt: skip
    assert done.returncode != 0
    assert "RETAIN_TENSORRT=ON and TensorRT 8.3.0 in" in done.stderr


def test_headers_that_need_what_is_missing_are_left_alone_with_the_reason(tmp_path: Path) -> None:
    sdk = headers(tmp_path / "sdk", TEN)
    (sdk / "include/NvInfer.h").write_text("#include <cuda_runtime_api.h>\n")
    (sdk / "include/cuda_runtime_api.h").write_text('#include "crt/no_such_part_of_cuda.h"\n')
    done = cmake(
        "-S", str(REPOSITORY), "-B", str(tmp_path / "build"), "-DRETAIN_PYTHON=OFF", "-DRETAIN_TESTS=OFF", root=sdk
    )
    assert done.returncode == 0, done.stderr
    assert "no TensorRT engine: " in done.stdout
    assert "does not compile with the CUDA headers in" in done.stdout
    assert not (tmp_path / "build/csrc/engine/tensorrt/cmake_install.cmake").read_text().count("libretain_tensorrt.so")
