"""Chunks that go on from rows which are being executed already, in PyTorch, by family (arXiv 2512.05964)."""

import numpy as np
import pytest
import torch
from retain.errors import PolicyError
from retain.policy import load_policy, save_policy
from retain.policy.trained_delay import set_trained_delay

from ..runtime.chunking_oracle import continued_chunk  # noqa: TID252 (tests are no package that could be named)


def compact(directory):
    from ..evaluate.conftest import tiny_policy  # noqa: TID252 (tests are no package that could be named)

    save_policy(tiny_policy(), directory / "compact")
    return directory / "compact"


def smolvla(directory):
    from .smolvla.lerobot_files import adopt_smolvla
    from .smolvla.small import small_policy

    return adopt_smolvla(small_policy(), directory)


def pi(family, directory):
    from .pi0 import tiny
    from .pi0.lerobot_files import adopt_pi0

    return adopt_pi0(tiny.policy(family), directory)


FAMILIES = {
    "compact": compact,
    "smolvla": smolvla,
    "pi0": lambda directory: pi("pi0", directory),
    "pi05": lambda directory: pi("pi05", directory),
}


@pytest.fixture(scope="module", params=FAMILIES)
def directory(request, tmp_path_factory):
    if request.param != "compact":
        pytest.importorskip("transformers")
    torch.set_num_threads(1)
    return FAMILIES[request.param](tmp_path_factory.mktemp(request.param))


@pytest.fixture
def policy(directory):
    return load_policy(directory)


@pytest.fixture
def context(policy):
    rng = np.random.default_rng(0)
    images = [
        torch.from_numpy(rng.integers(0, 256, (1, one.height, one.width, 3), dtype=np.uint8))
        for one in policy.spec.cameras
    ]
    state = torch.from_numpy(rng.standard_normal((1, len(policy.spec.state)), dtype=np.float32))
    with torch.no_grad():
        return policy.prefix(images, *policy.encode(["lift the red block"]), state)


def draws(policy, seed=1):
    shape = (1, policy.spec.horizon, policy.spec.action_width)
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


@pytest.mark.parametrize("d", [1, 3])
@torch.no_grad()
def test_a_continued_chunk_is_the_papers(policy, context, d):
    noise, running = draws(policy), draws(policy, seed=2)
    chunk = policy.draw(context, 1, noise, running[:, :d]).numpy()
    assert np.array_equal(chunk[:, :d], running[:, :d])

    def velocity(x, t):
        rows, times = (torch.tensor(values[None], dtype=torch.float32) for values in (x, t))
        return policy.step(rows, times, context)[0].numpy()

    exact = continued_chunk(noise[0].astype(np.float64), velocity, policy.spec.flow.steps, running[0], d)
    assert np.abs(chunk[0] - exact).max() < 1e-5 * max(1.0, np.abs(exact).max())


@torch.no_grad()
def test_the_given_rows_change_the_others_and_without_them_it_is_the_plain_chunk(policy, context):
    noise, running = draws(policy), draws(policy, seed=2)
    plain, none, continued = (
        policy.draw(context, 1, noise, committed).numpy() for committed in (None, running[:, :0], running[:, :2])
    )
    assert np.array_equal(plain, none)
    assert np.abs(continued[:, 2:] - plain[:, 2:]).max() > 1e-3


def test_committed_rows_of_another_shape_are_refused(policy, context):
    running = draws(policy)
    for wrong in (running, running.repeat(2, axis=0)[:, :2], running[:, :2, :-1], running[0, :2]):
        with pytest.raises(PolicyError, match="committed rows have shape"):
            policy.draw(context, 1, running, wrong)


def test_what_is_saved_says_the_new_number_and_nothing_else_changes(policy, directory, tmp_path):
    set_trained_delay(policy, 3)
    save_policy(policy, tmp_path / "saved")
    assert load_policy(tmp_path / "saved").spec == policy.spec
    telling = "config.json" if policy.spec.family == "compact" else "retain.json"
    for file in directory.glob("*.json"):
        same = (tmp_path / "saved" / file.name).read_bytes() == file.read_bytes()
        assert same == (file.name != telling), file.name
    assert "max_trained_delay" not in (tmp_path / "saved/config.json").read_text() or policy.spec.family == "compact"
