"""NVIDIA's parser takes our graphs and knows every weight by its name; engines and their sidecar say what they are."""

import shutil
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper
from retain.bundle import Bundle
from retain.bundle.engine_plans import Precision, Sidecar, find_engines
from retain.errors import BundleError, ExportError
from retain.export.export import export_policy
from retain.export.tensorrt.build import build_engines
from retain.export.tensorrt.network import linked_weights, read_network, unknown_weights
from retain.export.tensorrt.precision import with_products_in

from ...installed_tensorrt_rtx import needs_tensorrt_rtx, without_gpu  # noqa: TID252 (tests are no package)


@pytest.fixture(scope="module")
def stored_in_bfloat16(bfloat16_policy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundles") / "bfloat16"
    export_policy(bfloat16_policy, path)
    return path


@needs_tensorrt_rtx
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("storage", ["exported", "stored_in_bfloat16"])
def test_the_parser_takes_every_graph_and_knows_every_weight_by_name(
    storage: str, precision: Precision, request: pytest.FixtureRequest
) -> None:
    bundle: Path = request.getfixturevalue(storage)
    for name in ("prefix.onnx", "step.onnx"):
        graph = with_products_in(onnx.load(bundle / name, load_external_data=False), precision)
        network = read_network(graph, bundle / name, without_gpu().flavour)
        weights = [tensor.name for tensor in linked_weights(graph)]
        assert len(weights) > 20
        assert unknown_weights(network, weights) == []


@needs_tensorrt_rtx
def test_a_name_that_the_graph_does_not_have_is_unknown(exported: Path) -> None:
    graph = onnx.load(exported / "step.onnx", load_external_data=False)
    network = read_network(graph, exported / "step.onnx", without_gpu().flavour)
    assert unknown_weights(network, ["action.rows.weight", "action.rows.weigth"]) == ["action.rows.weigth"]


@needs_tensorrt_rtx
def test_engines_come_with_a_sidecar_that_says_what_they_are(bundle_copy: Path) -> None:
    bundle, target = Bundle.open(bundle_copy), without_gpu("8.9")
    told: list[float] = []
    written = build_engines(
        bundle.path, bundle.manifest.graphs, target, "bf16", 1e-4, progress=lambda _, share: told.append(share)
    )
    ((folder, sidecar),) = find_engines(bundle_copy).items()
    assert sidecar == written
    assert folder.name == f"any-sm89-tensorrt-rtx{target.flavour.version}-bf16"
    assert all((folder / name).stat().st_size > 10_000 for name in sidecar.plans.values())
    files = bundle.manifest.files
    assert sidecar.graphs == {name: files[name].sha256 for name in ("prefix.onnx", "step.onnx")}
    assert sidecar.weights == files["model.safetensors"].sha256
    assert (sidecar.precision, sidecar.compute_capability, sidecar.gpu) == ("bf16", "8.9", "any")
    assert sidecar.atol > 1e-4  # bfloat16 is allowed more than float32
    assert not sidecar.refittable  # without a GPU TensorRT-RTX cannot compile what takes new weights
    assert told[0] < 0.1
    assert told[-1] == 1.0
    assert all(0 <= share <= 1 for share in told)


@needs_tensorrt_rtx
def test_ctrl_c_ends_a_build(exported: Path, tmp_path: Path) -> None:
    bundle = Bundle.open(shutil.copytree(exported, tmp_path / "b"))

    def interrupt(phase: str, share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_engines(bundle.path, bundle.manifest.graphs, without_gpu(), "fp32", 1e-4, progress=interrupt)


@needs_tensorrt_rtx
def test_a_graph_that_the_parser_refuses_is_named_with_the_reason(tmp_path: Path) -> None:
    node = helper.make_node("BitShift", ["x", "x"], ["y"], name="shift", direction="LEFT")
    x, y = (helper.make_tensor_value_info(name, TensorProto.UINT8, [2]) for name in "xy")
    graph = helper.make_model(helper.make_graph([node], "g", [x], [y]), opset_imports=[helper.make_opsetid("", 18)])
    with pytest.raises(ExportError, match=r"TensorRT-RTX .* cannot read odd\.onnx: BitShift"):
        read_network(graph, tmp_path / "odd.onnx", without_gpu().flavour)


@needs_tensorrt_rtx
def test_a_capability_that_the_library_does_not_build_for_is_refused_with_those_it_does(bundle_copy: Path) -> None:
    bundle = Bundle.open(bundle_copy)
    with pytest.raises(ExportError, match=r"SM86.*, SM87 was asked for"):
        build_engines(bundle.path, bundle.manifest.graphs, without_gpu("8.7"), "fp32", 1e-4)


def test_a_broken_sidecar_is_refused_with_its_field(tmp_path: Path) -> None:
    folder = tmp_path / "engines" / "one"
    folder.mkdir(parents=True)
    with pytest.raises(BundleError, match=r"cannot read .*engine\.json.*--trt"):
        find_engines(tmp_path)
    (folder / "engine.json").write_text('{"flavour": "tensorrt", "version": "ten"}')
    with pytest.raises(BundleError, match=r"not a sidecar of schema version 1: version"):
        Sidecar.read(folder)
