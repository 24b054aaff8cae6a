import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from retain.bundle import WEIGHTS_FILE, Bundle, GoldenCase
from retain.cli.main import main
from retain.engine import EnginePlayer
from retain.errors import CheckpointError, ExportError, PolicyError
from retain.export.export import export_policy, merge_export
from retain.merge import merge
from retain.policy import load_policy


def graphs(bundle: Path) -> list[onnx.ModelProto]:
    return [onnx.load(bundle / name, load_external_data=False) for name in ("prefix.onnx", "step.onnx")]


def external(tensor: onnx.TensorProto) -> bool:
    return tensor.data_location == onnx.TensorProto.EXTERNAL


def test_graphs_hold_no_weights_and_are_small(exported: Path) -> None:
    assert sum((exported / name).stat().st_size for name in ("prefix.onnx", "step.onnx")) < 2_000_000
    parameters = {name for name, _ in load_policy(exported).named_parameters()}
    training_only = {"action.outlook.weight", "action.outlook.bias"}
    linked = {tensor.name for graph in graphs(exported) for tensor in graph.graph.initializer if external(tensor)}
    assert linked == parameters - training_only


def test_graphs_name_neither_source_lines_nor_paths(exported: Path) -> None:
    for name in ("prefix.onnx", "step.onnx"):
        content = (exported / name).read_bytes()
        assert b"site-packages" not in content
        assert b".py" not in content


def test_every_initializer_points_at_its_own_tensor(exported: Path) -> None:
    from retain.checkpoint import open_checkpoint

    tensors = open_checkpoint(exported / WEIGHTS_FILE).tensors
    for graph in graphs(exported):
        for tensor in filter(external, graph.graph.initializer):
            place = {entry.key: entry.value for entry in tensor.external_data}
            info = tensors[tensor.name]
            assert place == {"location": WEIGHTS_FILE, "offset": str(info.offset), "length": str(info.nbytes)}


def test_a_bundle_is_a_policy_directory(exported: Path, base_policy: Path) -> None:
    base = load_policy(base_policy)
    assert load_policy(exported).spec == base.spec
    assert (exported / WEIGHTS_FILE).read_bytes() == (base_policy / WEIGHTS_FILE).read_bytes()


def test_merge_export_writes_the_bytes_of_merge(
    base_policy: Path, finetuned_policy: Path, exported: Path, tmp_path: Path
) -> None:
    report = merge_export(base_policy, finetuned_policy, 0.3, tmp_path / "bundle", graph_from=exported)
    merge(base_policy, finetuned_policy, tmp_path / "merged", 0.3)
    assert (tmp_path / "bundle" / WEIGHTS_FILE).read_bytes() == (tmp_path / "merged" / WEIGHTS_FILE).read_bytes()
    recipe = report.manifest.merge
    assert recipe is not None
    assert set(recipe["alpha"].values()) == {0.3}
    assert set(recipe["inputs"]) == {"base", "finetuned"}
    written = json.loads((tmp_path / "bundle" / "merge_report.json").read_text())
    assert written["output"]["path"] == str(tmp_path / "bundle")


def test_reused_graphs_compute_the_new_policy_and_say_who_checked(
    base_policy: Path, finetuned_policy: Path, exported: Path, tmp_path: Path
) -> None:
    report = merge_export(base_policy, finetuned_policy, 0.7, tmp_path / "b", graph_from=exported)
    golden = report.manifest.golden
    assert (report.golden, golden.recorded_by) == (None, None)
    assert golden.graphs_checked_by.startswith("PyTorch")
    generator = np.random.default_rng(0)
    images = {
        "front": generator.integers(0, 256, (1, 32, 32, 3), dtype=np.uint8),
        "wrist": generator.integers(0, 256, (1, 32, 24, 3), dtype=np.uint8),
    }
    state, noise = generator.standard_normal((1, 3), np.float32), generator.standard_normal((1, 8, 3), np.float32)
    texts = ["push the red block left"]
    expected = load_policy(tmp_path / "b").predict_chunk(images, state, texts, noise)
    found = EnginePlayer(Bundle.open(tmp_path / "b")).predict_chunk(images, state, texts, noise)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_golden_outputs_of_reused_graphs_are_recorded_where_that_is_asked_for(
    base_policy: Path, finetuned_policy: Path, exported: Path, tmp_path: Path
) -> None:
    report = merge_export(base_policy, finetuned_policy, 0.7, tmp_path / "b", graph_from=exported, record_golden=True)
    assert report.golden is not None
    assert report.golden.worst[1] <= 1e-5
    assert report.manifest.golden.recorded_by == "ONNX Runtime, no graph optimizations"
    assert GoldenCase.load(tmp_path / "b" / "golden.safetensors").is_recorded
    Bundle.open(tmp_path / "b")


def test_reusing_graphs_needs_no_torch(
    base_policy: Path, finetuned_policy: Path, exported: Path, tmp_path: Path
) -> None:
    code = "import sys; sys.modules['torch'] = None\nfrom retain.cli.main import main\nsys.exit(main(sys.argv[1:]))\n"
    command = ["merge-export", base_policy, finetuned_policy, "--alpha", "0.5"]
    arguments = [*map(str, command), "-o", str(tmp_path / "b"), "--graph-from", str(exported)]
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True)
    Bundle.open(tmp_path / "b")


def test_bfloat16_weights_stay_bfloat16_and_compute_in_float32(bfloat16_policy: Path, tmp_path: Path) -> None:
    base = bfloat16_policy
    report = export_policy(base, tmp_path / "b")
    assert (tmp_path / "b" / WEIGHTS_FILE).read_bytes() == (base / WEIGHTS_FILE).read_bytes()
    assert report.golden.worst[1] <= 1e-5
    stored = {
        tensor.data_type for graph in graphs(tmp_path / "b") for tensor in graph.graph.initializer if external(tensor)
    }
    assert stored == {onnx.TensorProto.BFLOAT16}


def test_graphs_of_another_storage_or_architecture_are_refused(
    bfloat16_policy: Path, exported: Path, bundle_copy: Path, base_policy: Path, tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match=r"is BF16 .*, the graph takes float .*export without --graph-from"):
        export_policy(bfloat16_policy, tmp_path / "b", graph_from=exported)
    config = json.loads((bundle_copy / "config.json").read_text())
    config["architecture"]["expert_layers"] = 2
    (bundle_copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(ExportError, match="another expert_layers"):
        export_policy(base_policy, tmp_path / "b", graph_from=bundle_copy)
    assert not (tmp_path / "b").exists()


def test_trt_without_tensorrt_is_refused_before_anything_is_written(
    base_policy: Path,
    exported: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    code = main(["export", str(base_policy), "-o", str(tmp_path / "b"), "--trt", "--graph-from", str(exported)])
    assert code == 2
    assert "pip install 'retain-vla[trt]'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_existing_output_is_kept_unless_forced(
    base_policy: Path, finetuned_policy: Path, exported: Path, tmp_path: Path
) -> None:
    export_policy(base_policy, tmp_path / "b", graph_from=exported)
    before = (tmp_path / "b" / "manifest.json").stat().st_ino
    with pytest.raises(CheckpointError, match="--force"):
        export_policy(finetuned_policy, tmp_path / "b", graph_from=exported)
    assert (tmp_path / "b" / "manifest.json").stat().st_ino == before
    export_policy(finetuned_policy, tmp_path / "b", graph_from=exported, force=True)
    assert (tmp_path / "b" / WEIGHTS_FILE).read_bytes() == (finetuned_policy / WEIGHTS_FILE).read_bytes()


def test_the_same_export_twice_gives_the_same_bytes(base_policy: Path, exported: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        export_policy(base_policy, tmp_path / name, graph_from=exported)
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes(), file.name


def test_a_bundle_exports_again_as_a_policy(exported: Path, tmp_path: Path) -> None:
    export_policy(exported, tmp_path / "b", graph_from=exported)
    assert Bundle.open(tmp_path / "b").manifest.files.keys() == Bundle.open(exported).manifest.files.keys()


def test_a_killed_export_leaves_no_bundle_and_the_next_one_cleans_up(
    base_policy: Path, exported: Path, tmp_path: Path
) -> None:
    output = tmp_path / "b"
    command = ["export", str(base_policy), "-o", str(output), "--graph-from", str(exported)]
    # A stage that never ends, right after the weights were written, so that the kill always comes in the middle.
    code = (
        "import sys, time\n"
        "import retain.export.assemble as assemble\n"
        "assemble.check_graphs = lambda *files: (print('here', flush=True), time.sleep(600))\n"
        "from retain.cli.main import main\n"
        "main(sys.argv[1:])\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, *command], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert not output.exists()
    assert main(command) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_a_policy_whose_weights_do_not_load_is_named_as_the_user_named_it(base_policy: Path, tmp_path: Path) -> None:
    broken = Path(shutil.copytree(base_policy, tmp_path / "broken"))
    config = json.loads((broken / "config.json").read_text())
    config["architecture"]["width"] = 64
    (broken / "config.json").write_text(json.dumps(config))
    with pytest.raises(PolicyError, match=rf"^{broken}/model.safetensors"):
        export_policy(broken, tmp_path / "b")
    assert [path.name for path in tmp_path.iterdir()] == ["broken"]


def test_limits_travel_in_the_policys_order(base_policy: Path, exported: Path, tmp_path: Path) -> None:
    limits = tmp_path / "limits.json"
    limits.write_text('{"shoulder": {"position_min": -1, "position_max": 1, "velocity": 2}}')
    command = ["export", str(base_policy), "-o", str(tmp_path / "b"), "--graph-from", str(exported)]
    assert main([*command, "--limits", str(limits)]) == 0
    found = Bundle.open(tmp_path / "b").manifest.limits
    assert found is not None
    assert [entry.velocity for entry in found] == [None, 2.0, None]
    limits.write_text('{"gripper": {"velocity": 2}}')
    assert main([*command, "--force", "--limits", str(limits)]) == 2
    assert Bundle.open(tmp_path / "b").manifest.limits == found


def test_json_output_is_one_object(
    base_policy: Path, finetuned_policy: Path, exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [base_policy, finetuned_policy, "--alpha", "0.5", "-o", tmp_path / "b"]
    assert main(["merge-export", *map(str, arguments), "--graph-from", str(exported), "--json", "--record-golden"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["golden"]["errors"]["chunk"] <= 1e-4
    assert document["weights"]["bytes"] == (tmp_path / "b" / WEIGHTS_FILE).stat().st_size


def test_a_precision_without_engines_is_refused(
    base_policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["export", str(base_policy), "-o", str(tmp_path / "b"), "--trt-precision", "bf16"])
    assert code == 2
    assert "add --trt, or leave it out" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()
