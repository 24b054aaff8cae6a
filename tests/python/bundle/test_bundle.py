import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from retain.bundle import WEIGHTS_FILE, Bundle, GoldenCase, describe
from retain.errors import BundleError
from retain.policy import load_policy


def test_an_exported_bundle_opens(exported: Path) -> None:
    bundle = Bundle.open(exported)
    assert bundle.manifest.family == "compact"
    assert [camera.role for camera in bundle.manifest.observation.cameras] == ["front", "wrist"]
    assert [channel.name for channel in bundle.manifest.action.channels] == ["elbow", "shoulder", "suction"]


def test_every_file_but_the_manifest_is_vouched_for(exported: Path) -> None:
    on_disk = {path.relative_to(exported).as_posix() for path in exported.rglob("*") if path.is_file()}
    assert on_disk - {"manifest.json"} == set(Bundle.open(exported).manifest.files)


def test_tokens_are_those_of_the_policy(exported: Path) -> None:
    texts = ["push the red block left", "Place the BLUE block, near right!"]
    ids, mask = load_policy(exported).encode(texts)
    bundle = Bundle.open(exported)
    for row, text in enumerate(texts):
        found_ids, found_mask = bundle.tokenize(text)
        assert found_ids.dtype == np.int64
        assert found_mask.dtype == np.bool_
        np.testing.assert_array_equal(found_ids, ids[row].numpy())
        np.testing.assert_array_equal(found_mask, mask[row].numpy())


def test_words_are_never_dropped_in_silence(exported: Path) -> None:
    with pytest.raises(BundleError, match="this policy reads 12; shorten it"):
        Bundle.open(exported).tokenize("push the red block left " * 3)
    with pytest.raises(BundleError, match="empty"):
        Bundle.open(exported).tokenize("")


def test_a_directory_that_is_no_bundle_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="retain export"):
        Bundle.open(tmp_path)


@pytest.mark.parametrize("name", [WEIGHTS_FILE, "prefix.onnx", "step.onnx", "tokenizer.json", "golden.safetensors"])
def test_a_changed_byte_is_found_and_named(bundle_copy: Path, name: str) -> None:
    content = bytearray((bundle_copy / name).read_bytes())
    content[-1] ^= 1
    (bundle_copy / name).write_bytes(content)
    with pytest.raises(BundleError, match=rf"{name} was changed after the export"):
        Bundle.open(bundle_copy)
    Bundle.open(bundle_copy, verify=False)


def test_truncated_and_missing_files_are_named(bundle_copy: Path) -> None:
    os.truncate(bundle_copy / "step.onnx", 100)
    with pytest.raises(BundleError, match=r"step.onnx has 100 bytes"):
        Bundle.open(bundle_copy)
    (bundle_copy / "step.onnx").unlink()
    with pytest.raises(BundleError, match=r"step.onnx is missing"):
        Bundle.open(bundle_copy, verify=False)


def test_a_golden_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "golden.safetensors").write_bytes(b"nothing")
    with pytest.raises(BundleError, match="not a golden file"):
        GoldenCase.load(tmp_path / "golden.safetensors")


def test_a_bundle_in_a_few_lines(exported: Path) -> None:
    rows = dict(describe(Bundle.open(exported)))
    assert rows["merge"] == "not merged"
    assert "elbow [rad] delta" in rows["action"]
    assert rows["chunk"] == "8 rows of 0.1 s, 4 executed per inference"


def test_bundle_and_engine_need_neither_torch_nor_onnx(exported: Path) -> None:
    code = (
        "import sys\n"
        "for name in ('torch', 'onnx', 'onnxscript', 'onnxruntime.capi'): sys.modules[name] = None\n"
        "from retain.bundle import Bundle\n"
        "from retain.engine import EnginePlayer\n"
        "import numpy as np\n"
        f"player = EnginePlayer(Bundle.open({str(exported)!r}))\n"
        "images = {'front': np.zeros((1, 32, 32, 3), np.uint8), 'wrist': np.zeros((1, 32, 24, 3), np.uint8)}\n"
        "chunk = player.predict_chunk(images, np.zeros((1, 3), np.float32), ['push the red block'])\n"
        "assert chunk.shape == (1, 8, 3) and np.isfinite(chunk).all()\n"
        "assert 'onnxruntime' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
