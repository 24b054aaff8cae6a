"""A bundle plays what its policy plays."""

import numpy as np
import pytest
from retain.evaluate import evaluate
from retain.evaluate.source import BundleSource, PolicySource
from retain.sim import DEMO_SKILL, episodes
from retain.worlds.tabletop import TabletopSimulation

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


@pytest.fixture(scope="module")
def bundle(policy_directory, tmp_path_factory):
    from retain.export.export import export_policy

    path = tmp_path_factory.mktemp("bundles") / "random"
    export_policy(policy_directory, path)
    return path


@pytest.mark.slow
def test_a_bundle_plans_what_its_policy_plans(policy_directory, bundle):
    sims = [TabletopSimulation() for _ in range(3)]
    for sim, episode in zip(sims, episodes("generalist", DEMO_SKILL, 3, seed=0), strict=True):
        sim.reset(episode)
    noise = np.random.default_rng(0).standard_normal((3, 8, 7), dtype=np.float32)
    in_torch = PolicySource(policy_directory).open()
    in_cpp = BundleSource(bundle).open()
    assert in_cpp.noise_shape == in_torch.noise_shape == (8, 7)
    plans = in_torch.plan(sims, noise), in_cpp.plan(sims, noise)
    for sim in sims:
        sim.close()
    assert plans[0].shape == (3, 4, 7)
    np.testing.assert_allclose(plans[0], plans[1], atol=1e-4)


@pytest.mark.slow
def test_a_bundle_is_evaluated_like_any_policy_in_workers_too(bundle):
    results = [
        evaluate({"bundle": BundleSource(bundle)}, ["id"], DEMO_SKILL, 4, workers=workers).policies["bundle"].suites
        for workers in (1, 2)
    ]
    assert results[0] == results[1]
