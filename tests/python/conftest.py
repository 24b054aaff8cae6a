"""A small `compact` policy, one finetuned from it, and their bundles: made once, never changed."""

import shutil
import signal
from pathlib import Path

import hypothesis
import pytest

# A property is no stopwatch: hypothesis' 200 ms an example, and its bound on the time that making one takes, are passed
# by any of them once the computer has something else to do.
hypothesis.settings.register_profile("retain", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("retain")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # So starts whatever a shell starts in the background, and so would the commands that are tested here.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing that a test computes stays in the user's cache."""
    path = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(path))
    return path


def _save(directory: Path, dtype_name: str) -> Path:
    torch = pytest.importorskip("torch")
    from retain.policy import (
        ActionChannel,
        Affine,
        CameraSpec,
        Channel,
        FlowSpec,
        Normalization,
        PolicySpec,
        save_policy,
    )
    from retain.policy.compact.configuration import CompactConfig
    from retain.policy.compact.model import CompactPolicy
    from retain.policy.tokenization import train_tokenizer

    torch.set_num_threads(1)
    names = ("shoulder", "elbow", "suction")
    spec = PolicySpec(
        family="compact",
        cameras=(CameraSpec("front", 32, 32), CameraSpec("wrist", 32, 24)),
        state=tuple(Channel(name, "rad") for name in names),
        action=(
            ActionChannel("elbow", "rad", "delta", "linear"),
            ActionChannel("shoulder", "rad", "delta", "linear"),
            ActionChannel("suction", "1", "absolute", "hold"),
        ),
        dt_s=0.1,
        horizon=8,
        n_action_steps=4,
        max_tokens=12,
        flow=FlowSpec(steps=4),
        max_trained_delay=2,
        normalization=Normalization(
            Affine((0.1, -0.2, 0.5), (0.5, 0.7, 0.4)), Affine((0.0, 0.1, 0.4), (0.2, 0.3, 0.5))
        ),
    )
    sizes = CompactConfig(image_size=32, channels=16, width=32, vocabulary=64, backbone_layers=1, expert_layers=1)
    tokenizer = train_tokenizer(
        ["push the red block left", "place the blue block near right"], vocabulary=64, max_tokens=12
    )
    torch.manual_seed(0)
    policy = CompactPolicy(spec, sizes, tokenizer).eval()
    save_policy(policy, directory / "base", dtype=getattr(torch, dtype_name))
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    save_policy(policy, directory / "finetuned", dtype=getattr(torch, dtype_name))
    return directory


@pytest.fixture(scope="session")
def _float32_policies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _save(tmp_path_factory.mktemp("policies"), "float32")


@pytest.fixture(scope="session")
def base_policy(_float32_policies: Path) -> Path:
    """A policy directory, stored in float32."""
    return _float32_policies / "base"


@pytest.fixture(scope="session")
def finetuned_policy(_float32_policies: Path) -> Path:
    """Another one of the same architecture, not far from it."""
    return _float32_policies / "finetuned"


@pytest.fixture(scope="session")
def bfloat16_policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The base, stored in bfloat16."""
    return _save(tmp_path_factory.mktemp("policies_bfloat16"), "bfloat16") / "base"


@pytest.fixture(scope="session")
def exported(base_policy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The base as a bundle."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from retain.export.export import export_policy

    path = tmp_path_factory.mktemp("bundles") / "base"
    export_policy(base_policy, path)
    return path


@pytest.fixture
def bundle_copy(exported: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(exported, tmp_path / "bundle"))
