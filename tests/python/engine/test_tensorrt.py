"""Which of a bundle's TensorRT engines opens here, and why not another. TensorRT itself is not asked."""

import ctypes
from pathlib import Path

import pytest
from retain._core import engine as core
from retain.bundle import Bundle
from retain.bundle.engine_plans import Precision, Sidecar
from retain.cli.main import main
from retain.engine import open_engine, tensorrt
from retain.engine.gpu import Gpu, find_gpu
from retain.errors import BundleError, EngineError

NATIVE = "tensorrt-native"


def add_engines(bundle: Path, precision: Precision = "bf16", **changes: object) -> Path:
    """Engines that say what they are and hold nothing."""
    folder = bundle / "engines" / f"Orin-{precision}-{changes.get('version', '')}"
    folder.mkdir(parents=True)
    files = Bundle.open(bundle, verify=False).manifest.files
    sidecar = Sidecar(
        flavour="tensorrt",
        version="10.3.0.30",
        gpu="Orin",
        compute_capability="8.7",
        driver="12.6",
        precision=precision,
        atol=0.05,
        refittable=True,
        graphs={name: files[name].sha256 for name in ("prefix.onnx", "step.onnx")},
        weights=files["model.safetensors"].sha256,
        plans={"prefix": "prefix.engine", "step": "step.engine"},
    )
    sidecar.model_copy(update=changes).write(folder)
    return bundle


@pytest.fixture
def on_orin(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine is a Jetson Orin with TensorRT 10.3, as far as the choice of an engine goes."""
    monkeypatch.setattr("retain.engine.tensorrt.find_module", lambda: Path("/nowhere/libretain_tensorrt.so"))
    monkeypatch.setattr("retain.engine.tensorrt.find_gpu", lambda: Gpu("Orin", "8.7", "12.6"))
    monkeypatch.setattr("retain.engine.tensorrt.core.tensorrt_version", lambda **_: "10.3.0")


def test_a_bundle_without_engines_says_how_they_are_built(exported: Path) -> None:
    with pytest.raises(EngineError, match=r"has no TensorRT engines; .* retain export .* --graph-from .* --trt"):
        open_engine(Bundle.open(exported), NATIVE)


@pytest.mark.skipif(find_gpu() is not None, reason="there is a GPU here")
def test_without_a_driver_the_error_says_so_and_nothing_crashes(
    bundle_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retain.engine.tensorrt.find_module", lambda: Path("/nowhere/libretain_tensorrt.so"))
    with pytest.raises(EngineError, match=r"NVIDIA.* driver .*--engine cpu"):
        open_engine(Bundle.open(add_engines(bundle_copy)), NATIVE)


@pytest.mark.usefixtures("on_orin")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"gpu": "NVIDIA H200", "compute_capability": "9.0"}, "NVIDIA H200 (compute capability 9.0)"),
        ({"version": "10.4.0.11"}, "with TensorRT 10.4.0"),
        ({"flavour": "tensorrt-rtx", "version": "1.7.1.116"}, "with TensorRT-RTX 1.7.1"),
    ],
)
def test_engines_of_another_machine_are_refused_with_both_sides_and_the_command(
    change: dict[str, object], words: str, bundle_copy: Path
) -> None:
    with pytest.raises(EngineError) as refused:
        open_engine(Bundle.open(add_engines(bundle_copy, **change)), NATIVE)
    assert words in str(refused.value)
    assert "this is Orin (compute capability 8.7) with TensorRT 10.3.0; build them here: retain export" in str(
        refused.value
    )


@pytest.mark.usefixtures("on_orin")
@pytest.mark.parametrize("change", [{"weights": "0" * 64}, {"graphs": {"step.onnx": "0" * 64}}])
def test_engines_of_another_alpha_are_refused(change: dict[str, object], bundle_copy: Path) -> None:
    with pytest.raises(BundleError, match=r"other weights or graphs .*another α.*--trt"):
        open_engine(Bundle.open(add_engines(bundle_copy, **change)), NATIVE)


@pytest.mark.usefixtures("on_orin")
def test_of_several_precisions_one_has_to_be_chosen(bundle_copy: Path) -> None:
    bundle = Bundle.open(add_engines(add_engines(bundle_copy, "bf16"), "fp32"))
    with pytest.raises(EngineError, match=r"engines for this machine in bf16, fp32; choose one"):
        open_engine(bundle, NATIVE)
    with pytest.raises(EngineError, match=r"no TensorRT engines in fp16"):
        open_engine(bundle, NATIVE, provider_options={"precision": "fp16"})


@pytest.mark.usefixtures("on_orin")
def test_the_release_that_is_installed_is_taken_among_several(bundle_copy: Path) -> None:
    bundle = Bundle.open(add_engines(add_engines(bundle_copy), version="10.4.0.11"))
    # The choice is made; what fails is only that there is no driver, or no module, to open it with.
    with pytest.raises(EngineError, match=r"NVIDIA|cannot load retain's TensorRT module"):
        open_engine(bundle, NATIVE)


def test_what_is_onnx_runtimes_is_refused(exported: Path) -> None:
    bundle = Bundle.open(exported)
    with pytest.raises(EngineError, match="leave them out"):
        open_engine(bundle, NATIVE, threads=2)
    with pytest.raises(EngineError, match="option precision alone; leave out trt_fp16_enable"):
        open_engine(bundle, NATIVE, provider_options={"trt_fp16_enable": "1"})


def test_a_retain_without_the_module_says_how_to_get_it(bundle_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retain.engine.tensorrt._MODULE", "libretain_nothing.so")
    with pytest.raises(EngineError, match=r"libnvinfer-dev.*--no-binary"):
        open_engine(Bundle.open(add_engines(bundle_copy)), NATIVE)


def test_retain_run_takes_the_engine_that_is_asked_for(exported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arm = [
        "run",
        str(exported),
        "--task",
        "x",
        "--robot",
        "feetech",
        "--port",
        "/dev/null",
        "--calibration",
        "/dev/null",
    ]
    assert main([*arm, "--engine", NATIVE]) == 2
    assert "has no TensorRT engines" in capsys.readouterr().err
    assert main([*arm, "--engine-option", "precision"]) == 2
    assert "--engine-option precision is no NAME=VALUE" in capsys.readouterr().err


def test_the_gpu_is_none_where_the_driver_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> ctypes.CDLL:
        raise OSError(name)

    monkeypatch.setattr("ctypes.CDLL", missing)
    assert find_gpu() is None


def test_a_module_that_cannot_be_loaded_is_named_whatever_the_library() -> None:
    for library in (None, Path("libnvinfer.so.10")):
        with pytest.raises(EngineError, match=r"cannot load retain's TensorRT module .*/nowhere/module\.so"):
            core.tensorrt_version(module=Path("/nowhere/module.so"), library=library)


def test_without_a_wheel_the_systems_tensorrt_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert tensorrt._library() is None
