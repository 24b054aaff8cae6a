"""vla.cpp (KNOWN_ISSUES): noise from N(0, 1) for a policy trained on U[−1, 1) made 0 % successes.

Hence the law stands in the manifest, what cannot be drawn is refused, and what is drawn is that law.
"""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from retain._core.runtime import sample_chunk
from retain.bundle import MANIFEST_FILE, Manifest
from retain.errors import BundleError

from .chunking_oracle import philox_normal
from .nonlinear_flow import open_flow, random_flow


@pytest.mark.parametrize("law", ["uniform", "Normal", "", None])
def test_a_bundle_whose_noise_follows_another_law_is_refused(drifting: Path, law: str | None) -> None:
    document = json.loads((drifting / MANIFEST_FILE).read_text())
    document["flow"]["noise"] = law
    with pytest.raises(BundleError, match=r"flow\.noise"):
        Manifest.from_json(json.dumps(document), "manifest.json")


def test_a_bundle_that_does_not_say_its_law_is_refused(drifting: Path) -> None:
    document = json.loads((drifting / MANIFEST_FILE).read_text())
    assert document["flow"].pop("noise") == "normal"
    with pytest.raises(BundleError, match=r"flow\.noise"):
        Manifest.from_json(json.dumps(document), "manifest.json")


def test_the_loop_draws_the_normal_law_from_philox(tmp_path: Path) -> None:
    """Through the loop's own sampler, from a flow that stands still."""
    flow = random_flow(0)
    engine = open_flow(dataclasses.replace(flow, D=0 * flow.D), tmp_path)
    for seed, stream in ((0, 0), (7, 3), (2**40 + 5, 2**33 + 1), (2**64 - 1, 2**64 - 1)):
        drawn = sample_chunk(engine, seed, stream, 1)
        assert np.abs(drawn.ravel() - philox_normal(seed, stream, drawn.size)).max() < 1e-6
    many = np.concatenate([sample_chunk(engine, 1, stream, 1).ravel() for stream in range(2000)])
    assert abs(many.std() - 1) < 0.02
    assert abs(float(np.mean(np.abs(many) > 1)) - 0.3173) < 0.01  # of U[−1, 1): none
