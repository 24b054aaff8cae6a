import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from retain.merge import REPORT_FILE, merge

from .policies import finetuned, read_weights, weights, write_pair, write_policy

WEIGHTS = "model.safetensors"


def test_the_figures_are_those_of_the_definitions(tmp_path: Path) -> None:
    base, tuned = write_pair(tmp_path)
    report = merge(base, tuned, tmp_path / "merged", 0.4)
    p, f, m = (read_weights(end / WEIGHTS) for end in (base, tuned, tmp_path / "merged"))
    for component, found in report.components.items():
        names = [name for name in p if name.startswith(component) and p[name].dtype.kind == "f"]
        theta, end, merged = (np.concatenate([w[name].ravel() for name in names]) for w in (p, f, m))
        task = end - theta
        changed = task != 0
        assert found.relative_update == pytest.approx(np.linalg.norm(task) / np.linalg.norm(theta))
        assert found.cosine == pytest.approx(theta @ end / np.linalg.norm(theta) / np.linalg.norm(end))
        assert found.effective_alpha == pytest.approx((merged - theta) @ task / (task @ task))
        assert found.unchanged == pytest.approx(1 - changed.mean())
        assert found.lost == pytest.approx((merged == theta)[changed].mean())
        assert found.interpolated == theta.size


def test_rounding_bends_alpha_and_the_report_says_so(tmp_path: Path) -> None:
    made = weights(size=4000)
    base = write_policy(tmp_path / "base", made, "BF16")
    tuned = write_policy(tmp_path / "finetuned", finetuned(made, size=1e-4), "BF16")  # about one bf16 step
    report = merge(base, tuned, tmp_path / "merged", 0.25)
    found = report.components["vision"]
    assert found.effective_alpha is not None
    assert found.lost is not None
    assert found.effective_alpha < 0.2
    assert found.lost > 0.3
    assert any("rounding to BF16 bends alpha of vision: 0.25 acts as" in warning for warning in report.warnings)
    exact = merge(base, tuned, tmp_path / "exact", 0.25, dtype="float32")
    assert exact.components["vision"].effective_alpha == pytest.approx(0.25, abs=1e-5)
    assert exact.warnings == ()


def test_a_frozen_component_with_an_alpha_of_its_own_is_reported(tmp_path: Path) -> None:
    made = weights()
    tuned_weights = {name: values if name.startswith("language") else values + 1e-3 for name, values in made.items()}
    tuned_weights["vision.positions"] = made["vision.positions"]
    base = write_policy(tmp_path / "base", made)
    tuned = write_policy(tmp_path / "finetuned", tuned_weights)
    report = merge(base, tuned, tmp_path / "merged", {"default": 0.5, "language": 0.8})
    assert report.components["language"].unchanged == 1.0
    assert any("language is the same at both ends" in warning for warning in report.warnings)
    assert not merge(base, tuned, tmp_path / "quiet", 0.5).warnings


def test_the_file_beside_the_weights_holds_the_report(tmp_path: Path) -> None:
    base, tuned = write_pair(tmp_path)
    report = merge(base, tuned, tmp_path / "merged", {"default": 0.5, "vision": 1.0})
    written = json.loads((tmp_path / "merged" / REPORT_FILE).read_text())
    assert written == json.loads(json.dumps(report.to_json()))
    assert (
        written["alpha_in_words"]
        == "alpha is the weight of the finetuned policy: 0 is the base, 1 the finetuned policy"
    )
    ends = (written["base"], base), (written["finetuned"][0], tuned), (written["output"], tmp_path / "merged")
    for end, directory in ends:
        assert end["files"][WEIGHTS]["sha256"] == sha256((directory / WEIGHTS).read_bytes()).hexdigest()


def test_provenance_is_the_recipe_with_the_hashes_of_its_inputs(tmp_path: Path) -> None:
    base, tuned = write_pair(tmp_path)
    provenance = merge(base, tuned, tmp_path / "merged", {"default": 0.5, "vision": 1.0}).provenance()
    assert provenance["alpha"] == {"vision": 1.0, "language": 0.5, "action": 0.5}
    assert provenance["inputs"]["base"][WEIGHTS] == sha256((base / WEIGHTS).read_bytes()).hexdigest()
    json.dumps(provenance)


def test_hashing_can_be_left_out(tmp_path: Path) -> None:
    base, tuned = write_pair(tmp_path)
    report = merge(base, tuned, tmp_path / "merged", 0.5, hashing=False)
    assert report.base.files[WEIGHTS]["sha256"] is None
