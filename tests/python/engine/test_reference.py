"""A bundle whose golden outputs nobody has recorded is compared with its own graphs, run node by node, here."""

from pathlib import Path

import numpy as np
import pytest
from retain._core import engine as core
from retain.bundle import WEIGHTS_FILE, Bundle, GoldenCase
from retain.engine import check_golden, golden_case, open_engine
from retain.engine.reference import record_reference
from retain.errors import BundleError
from retain.export.export import merge_export
from retain.policy import load_policy


@pytest.fixture
def relinked(base_policy: Path, finetuned_policy: Path, exported: Path, tmp_path: Path) -> Path:
    merge_export(base_policy, finetuned_policy, 0.7, tmp_path / "relinked", graph_from=exported)
    return tmp_path / "relinked"


def kept(cache: Path) -> list[Path]:
    return sorted((cache / "retain" / "golden").glob("*"))


def test_the_outputs_are_those_of_the_policy_in_pytorch(relinked: Path) -> None:
    case, policy = golden_case(Bundle.open(relinked)), load_policy(relinked)
    images = {camera.role: case.prefix_inputs[f"image.{camera.role}"] for camera in policy.spec.cameras}
    expected = policy.predict_chunk(images, case.state, [case.instruction], case.noise)
    np.testing.assert_allclose(case.actions, expected, atol=1e-5)


def test_they_are_computed_once(relinked: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = Bundle.open(relinked)
    open_engine(bundle)
    assert len(kept(cache)) == 1
    monkeypatch.setattr("retain.engine.reference.record_reference", lambda *_: pytest.fail("computed again"))
    open_engine(bundle)


def test_other_weights_have_outputs_of_their_own(
    relinked: Path, base_policy: Path, finetuned_policy: Path, exported: Path, cache: Path, tmp_path: Path
) -> None:
    merge_export(base_policy, finetuned_policy, 0.2, tmp_path / "other", graph_from=exported)
    chunks = [golden_case(Bundle.open(path)).chunk for path in (relinked, tmp_path / "other")]
    assert not np.allclose(*chunks, atol=1e-4)
    assert len(kept(cache)) == 2


def test_what_was_kept_half_is_computed_again(relinked: Path, cache: Path) -> None:
    expected = golden_case(Bundle.open(relinked)).chunk
    (file,) = kept(cache)
    file.write_bytes(file.read_bytes()[:1000])
    np.testing.assert_array_equal(golden_case(Bundle.open(relinked)).chunk, expected)
    assert GoldenCase.load(file).is_recorded


def test_a_cache_that_cannot_be_written_costs_time_and_nothing_else(relinked: Path, cache: Path) -> None:
    (cache / "retain").write_text("in the way")
    assert golden_case(Bundle.open(relinked)).is_recorded


def test_an_engine_that_computes_something_else_is_stopped(relinked: Path) -> None:
    bundle = Bundle.open(relinked)
    case = golden_case(bundle)
    content = bytearray((relinked / WEIGHTS_FILE).read_bytes())
    start = 8 + int.from_bytes(content[:8], "little")
    weights = np.frombuffer(content, np.float32, offset=start)  # the file's own memory: names and offsets stay
    weights *= np.float32(1.02)
    (relinked / WEIGHTS_FILE).write_bytes(content)
    engine: core.OnnxRuntimeEngine = open_engine(bundle, golden=False)
    with pytest.raises(BundleError, match="recorded by the graphs run node by node"):
        check_golden(engine, bundle, case)


def test_a_recorded_case_is_read_and_not_computed(exported: Path, cache: Path) -> None:
    case = golden_case(Bundle.open(exported))
    assert case.is_recorded
    assert kept(cache) == []
    again = record_reference(Bundle.open(exported), case)
    np.testing.assert_allclose(again.chunk, case.chunk, atol=1e-5)
