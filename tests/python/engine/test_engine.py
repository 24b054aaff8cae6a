import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from retain.bundle import WEIGHTS_FILE, Bundle, GoldenCase
from retain.bundle.digest import record_files
from retain.engine import EnginePlayer, check_golden, golden_case, open_engine
from retain.errors import BundleError, EngineError
from retain.policy import load_policy

TEXTS = ["push the red block left", "place the blue block near right"]


def observation(seed: int, batch: int) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    images = {
        "front": generator.integers(0, 256, (batch, 32, 32, 3), dtype=np.uint8),
        "wrist": generator.integers(0, 256, (batch, 32, 24, 3), dtype=np.uint8),
    }
    state = generator.standard_normal((batch, 3), dtype=np.float32)
    return images, state, generator.standard_normal((batch, 8, 3), dtype=np.float32)


def test_golden_parity_is_within_the_promise(exported: Path) -> None:
    bundle = Bundle.open(exported)
    report = check_golden(open_engine(bundle, golden=False), bundle, golden_case(bundle))
    assert set(report.errors) == {"kv", "velocity", "chunk"}
    assert report.worst[1] <= 1e-5
    assert bundle.manifest.golden.recorded_by.startswith("PyTorch")


def test_the_golden_step_has_a_flow_time_of_its_own_in_every_row(exported: Path) -> None:
    t = GoldenCase.load(exported / "golden.safetensors").t
    assert len(np.unique(t)) == t.size


@pytest.mark.parametrize("options", [{"threads": 2}, {"optimize": False}])
def test_threads_and_optimization_do_not_change_the_policy(exported: Path, options: dict[str, int]) -> None:
    bundle = Bundle.open(exported)
    assert check_golden(open_engine(bundle, golden=False, **options), bundle, golden_case(bundle)).passed


def test_a_player_says_what_the_policy_says_in_robot_units(exported: Path) -> None:
    images, state, noise = observation(0, batch=2)
    expected = load_policy(exported).predict_chunk(images, state, TEXTS, noise)
    found = EnginePlayer(Bundle.open(exported)).predict_chunk(images, state, TEXTS, noise)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_seeded_generator_gives_the_same_chunk_again(exported: Path) -> None:
    images, state, _ = observation(1, batch=1)
    player = EnginePlayer(Bundle.open(exported))
    first, second = (
        player.predict_chunk(images, state, TEXTS[:1], generator=np.random.default_rng(5)) for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


def test_a_player_names_what_does_not_fit(exported: Path) -> None:
    images, state, noise = observation(2, batch=1)
    player = EnginePlayer(Bundle.open(exported))
    with pytest.raises(BundleError, match=r"camera wrist gives nothing, expected uint8 \[1, 32, 24, 3\]"):
        player.predict_chunk({"front": images["front"]}, state, TEXTS[:1], noise)
    with pytest.raises(BundleError, match="camera front gives float32"):
        player.predict_chunk({**images, "front": images["front"].astype(np.float32)}, state, TEXTS[:1], noise)
    with pytest.raises(BundleError, match=r"state has shape \[1, 2\]"):
        player.predict_chunk(images, state[:, :2], TEXTS[:1], noise)


def test_a_failing_golden_check_stops_the_engine_and_gives_the_numbers(bundle_copy: Path) -> None:
    case = GoldenCase.load(bundle_copy / "golden.safetensors")
    case.velocity[0, 0, 0] += 0.01
    case.save(bundle_copy / "golden.safetensors")
    bundle = Bundle.open(bundle_copy, verify=False)
    with pytest.raises(BundleError, match=r"velocity is off by .*e-0[23] in ONNX Runtime .*allowed is 1e-04"):
        open_engine(bundle)


def test_a_golden_value_that_is_not_finite_never_passes(bundle_copy: Path) -> None:
    case = GoldenCase.load(bundle_copy / "golden.safetensors")
    case.chunk[0, 0, 0] = np.nan
    case.save(bundle_copy / "golden.safetensors")
    with pytest.raises(BundleError, match="chunk is off by nan"):
        open_engine(Bundle.open(bundle_copy, verify=False))


def test_swapping_only_the_weights_swaps_the_policy(bundle_copy: Path, finetuned_policy: Path) -> None:
    finetuned = finetuned_policy
    shutil.copy(finetuned / WEIGHTS_FILE, bundle_copy / WEIGHTS_FILE)
    images, state, noise = observation(3, batch=1)
    expected = load_policy(finetuned).predict_chunk(images, state, TEXTS[:1], noise)

    with pytest.raises(BundleError, match="was changed after the export"):
        Bundle.open(bundle_copy)
    bundle = Bundle.open(bundle_copy, verify=False)
    with pytest.raises(BundleError, match="computes something else"):
        open_engine(bundle)
    player = EnginePlayer(bundle, open_engine(bundle, golden=False))
    np.testing.assert_allclose(player.predict_chunk(images, state, TEXTS[:1], noise), expected, atol=1e-4)

    files = record_files(bundle_copy, exclude=frozenset({"manifest.json"}))
    (bundle_copy / "manifest.json").write_text(bundle.manifest.model_copy(update={"files": files}).to_json())
    Bundle.open(bundle_copy)


def test_other_threads_run_while_an_engine_computes(exported: Path) -> None:
    engine = open_engine(Bundle.open(exported))
    images, state, noise = observation(4, batch=1)
    frames = [images["front"], images["wrist"]]
    ids, mask = np.zeros(12, np.int64), np.ones(12, np.bool_)
    expected: list[np.ndarray] = []
    engine.prefix(frames, ids, mask, state)
    expected.append(engine.step(noise, np.zeros((1, 8), np.float32)))
    stop, ticks = threading.Event(), [0]

    def tick() -> None:
        while not stop.is_set():
            ticks[0] += 1
            time.sleep(0)

    other = threading.Thread(target=tick)
    other.start()
    try:
        results = []
        workers = [
            threading.Thread(target=lambda: results.append(engine.step(noise, np.zeros((1, 8), np.float32))))
            for _ in range(8)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    finally:
        stop.set()
        other.join()
    assert ticks[0] > 0
    assert len(results) == 8
    for result in results:
        np.testing.assert_array_equal(result, expected[0])


def test_wrong_arguments_are_sentences(exported: Path, tmp_path: Path) -> None:
    bundle = Bundle.open(exported)
    with pytest.raises(EngineError, match="threads is 0"):
        open_engine(bundle, threads=0)
    with pytest.raises(EngineError, match="pip install"):
        open_engine(bundle, library=tmp_path / "libonnxruntime.so")
    with pytest.raises(EngineError, match="provider 'cuda'"):
        open_engine(bundle, provider="cuda")
    engine = open_engine(bundle)
    with pytest.raises(EngineError, match=r"state float32\[1,3\], got 2"):
        engine.prefix([np.zeros((32, 32, 3), np.uint8), np.zeros((32, 24, 3), np.uint8)], np.zeros(12, np.int64),
                      np.ones(12, np.bool_), np.zeros(2, np.float32))  # fmt: skip
