"""Another α reaches every weight of an engine, or nothing is changed."""

import json
from pathlib import Path
from types import SimpleNamespace

import onnx
import pytest
from retain.bundle import Bundle
from retain.bundle.digest import record, record_files
from retain.bundle.engine_plans import Sidecar, find_engines
from retain.checkpoint import open_checkpoint
from retain.errors import BundleError, ExportError
from retain.export.export import export_policy, merge_export
from retain.export.tensorrt.flavour import Messages
from retain.export.tensorrt.make import make_engines
from retain.export.tensorrt.network import linked_weights
from retain.export.tensorrt.refit import Weight, refit_engines, set_weights

from . import stand_in

FOLDER = "engines/Orin-sm87-tensorrt10.3.0.30-fp32"


def stored(bundle: Path, name: str) -> bytes:
    """A tensor's bytes in model.safetensors."""
    checkpoint = open_checkpoint(bundle / "model.safetensors")
    info = checkpoint.tensors[name.removesuffix("::stored")]
    return (bundle / "model.safetensors").read_bytes()[info.offset : info.offset + info.nbytes]


def names(bundle: Path, graph: str) -> list[str]:
    return [tensor.name for tensor in linked_weights(onnx.load(bundle / graph, load_external_data=False))]


def with_engines(bundle: Path, *, without: str = "") -> Path:
    """Engines as TensorRT would have built them, in a bundle whose manifest knows them."""
    folder = bundle / FOLDER
    folder.mkdir(parents=True)
    manifest = Bundle.open(bundle).manifest
    for role in ("prefix", "step"):
        weights = {name: stored(bundle, name) for name in names(bundle, f"{role}.onnx") if name != without}
        (folder / f"{role}.engine").write_bytes(stand_in.plan(weights))
    target = stand_in.orin()
    Sidecar(
        flavour="tensorrt",
        version=target.flavour.version,
        gpu="Orin",
        compute_capability="8.7",
        driver="12.6",
        precision="fp32",
        atol=1e-4,
        refittable=True,
        graphs={name: manifest.files[name].sha256 for name in ("prefix.onnx", "step.onnx")},
        weights=manifest.files["model.safetensors"].sha256,
        plans={"prefix": "prefix.engine", "step": "step.engine"},
    ).write(folder)
    text = json.loads((bundle / "manifest.json").read_text())
    files = record_files(bundle, exclude=frozenset({"manifest.json"}))
    text["files"] = {name: entry.model_dump() for name, entry in files.items()}
    (bundle / "manifest.json").write_text(json.dumps(text))
    return bundle


@pytest.fixture(params=["float32", "bfloat16"])
def donor(request: pytest.FixtureRequest, bundle_copy: Path, bfloat16_policy: Path, tmp_path: Path) -> Path:
    if request.param == "float32":
        return with_engines(bundle_copy)
    export_policy(bfloat16_policy, tmp_path / "donor")
    return with_engines(tmp_path / "donor")


def finetuned(donor: Path, finetuned_policy: Path, output: Path) -> Path:
    """The donor's architecture with other weights, its graphs relinked."""
    base = donor if "::stored" in names(donor, "step.onnx")[0] else None
    if base is None:
        merge_export(donor, finetuned_policy, 1.0, output, graph_from=donor)
        return output
    weights = bytearray((donor / "model.safetensors").read_bytes())
    for info in open_checkpoint(donor / "model.safetensors").tensors.values():
        weights[info.offset] ^= 1
    for file in donor.iterdir():
        if file.is_file():
            output.mkdir(exist_ok=True)
            (output / file.name).write_bytes(file.read_bytes())
    (output / "model.safetensors").write_bytes(weights)
    return output


def test_every_weight_of_the_new_bundle_reaches_the_donors_engines(
    donor: Path, finetuned_policy: Path, tmp_path: Path
) -> None:
    output = finetuned(donor, finetuned_policy, tmp_path / "new")
    graphs = Bundle.open(donor).manifest.graphs
    written = make_engines(output, graphs, stand_in.orin(), "fp32", 1e-4, donor=Bundle.open(donor))
    assert find_engines(output) == {output / FOLDER: written}
    assert written.weights == record(output / "model.safetensors").sha256
    assert written.weights != Sidecar.read(donor / FOLDER).weights
    assert written.graphs["step.onnx"] == record(output / "step.onnx").sha256
    for role in ("prefix", "step"):
        plan = stand_in.Engine((output / FOLDER / f"{role}.engine").read_bytes())
        assert plan.weights == {name: stored(output, name) for name in names(output, f"{role}.onnx")}
        before = stand_in.Engine((donor / FOLDER / f"{role}.engine").read_bytes())
        assert all(plan.weights[name] != before.weights[name] for name in plan.weights if "weight" in name)


def test_an_engine_that_hides_a_weight_is_refused_and_stays_as_it_was(bundle_copy: Path) -> None:
    # TensorRT 11.3's release notes: with REFIT a GEMM's bias may be missing from what can be refitted.
    hidden = "action.layers.0.mlp_in.bias"
    bundle = with_engines(bundle_copy, without=hidden)
    before = {path: path.read_bytes() for path in (bundle / FOLDER).iterdir()}
    with pytest.raises(ExportError, match=rf"step\.engine cannot take 1 of the graph's .*{hidden}.*--trt"):
        refit_engines(bundle / FOLDER, bundle, Bundle.open(bundle).manifest.graphs, stand_in.orin().flavour)
    assert {path: path.read_bytes() for path in (bundle / FOLDER).iterdir()} == before


def test_constants_that_were_folded_with_a_weight_come_from_the_graph(bundle_copy: Path) -> None:
    bundle = with_engines(bundle_copy)
    prefix = onnx.load(bundle / "prefix.onnx", load_external_data=False)
    constant = next(
        tensor.name for tensor in prefix.graph.initializer if tensor.name not in names(bundle, "prefix.onnx")
    )
    graphs = Bundle.open(bundle).manifest.graphs
    only_prefix = graphs.model_copy(update={"step": None})
    refit_engines(bundle / FOLDER, bundle, only_prefix, stand_in.orin(constant).flavour)
    with pytest.raises(ExportError, match=r"wants 1 weights that the graph does not have \(first: something else\)"):
        refit_engines(bundle / FOLDER, bundle, only_prefix, stand_in.orin("something else").flavour)


def test_a_constant_of_a_type_that_tensorrt_does_not_have_is_named() -> None:
    flavour = stand_in.orin().flavour
    refitter = SimpleNamespace(get_all_weights=lambda: ["scale"])
    scale = {"scale": Weight(onnx.TensorProto.DOUBLE, 0, 1)}
    with pytest.raises(ExportError, match=r"prefix\.engine wants scale, which is DOUBLE; .*--trt"):
        set_weights(refitter, scale, {}, flavour, "prefix.engine", Messages(flavour))


def test_engines_that_keep_their_weights_are_refused(bundle_copy: Path) -> None:
    bundle = with_engines(bundle_copy)
    sidecar = Sidecar.read(bundle / FOLDER).model_copy(update={"refittable": False})
    sidecar.write(bundle / FOLDER)
    with pytest.raises(ExportError, match="built so that they keep their weights; build them again: --trt"):
        refit_engines(
            bundle / FOLDER, bundle, Bundle.open(bundle, verify=False).manifest.graphs, stand_in.orin().flavour
        )


def test_a_plan_that_tensorrt_cannot_open_is_refused(bundle_copy: Path) -> None:
    bundle = with_engines(bundle_copy)
    (bundle / FOLDER / "step.engine").write_bytes(b"of another release")
    with pytest.raises(ExportError, match=r"cannot open .*step\.engine .*build the engines again"):
        refit_engines(
            bundle / FOLDER, bundle, Bundle.open(bundle, verify=False).manifest.graphs, stand_in.orin().flavour
        )


def test_a_donors_plan_that_was_changed_is_refused(bundle_copy: Path, tmp_path: Path) -> None:
    bundle = with_engines(bundle_copy)
    plan = bundle / FOLDER / "step.engine"
    plan.write_bytes(plan.read_bytes()[:-1] + b"\0")
    graphs = Bundle.open(bundle, verify=False).manifest.graphs
    with pytest.raises(BundleError, match="changed after the export"):
        make_engines(tmp_path, graphs, stand_in.orin(), "fp32", 1e-4, donor=Bundle.open(bundle, verify=False))


@pytest.mark.parametrize(
    "change",
    [{"version": "10.4.0.1"}, {"gpu": "NVIDIA H200"}, {"precision": "bf16"}, {"refittable": False}, {"graphs": {}}],
)
def test_engines_that_do_not_fit_are_built_and_not_refitted(
    change: dict[str, object], bundle_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = with_engines(bundle_copy)
    sidecar = Sidecar.read(bundle / FOLDER)
    if change == {"graphs": {}}:
        change = {"graphs": {"step.onnx": "0" * 64}}
    sidecar.model_copy(update=change).write(bundle / FOLDER)
    built: list[str] = []
    monkeypatch.setattr(
        "retain.export.tensorrt.make.build_engines", lambda *_, **__: built.append("built") or sidecar
    )  # fmt: skip
    donor = Bundle.open(bundle, verify=False)
    make_engines(tmp_path, donor.manifest.graphs, stand_in.orin(), "fp32", 1e-4, donor=donor)
    assert built == ["built"]
