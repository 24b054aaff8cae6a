import pytest
from retain.policy import ActionChannel, Affine, CameraSpec, Channel, FlowSpec, Normalization, PolicySpec
from retain.sim import SKILLS
from retain.sim.arm import CHANNELS, JOINTS
from retain.sim.wording import wordings


def tiny_policy(seed: int = 0):
    """A compact policy small enough for tests, with random weights."""
    torch = pytest.importorskip("torch")
    from retain.policy.compact.configuration import CompactConfig
    from retain.policy.compact.model import CompactPolicy
    from retain.policy.tokenization import train_tokenizer

    torch.manual_seed(seed)
    units = dict.fromkeys(JOINTS, "rad") | {"suction": "1"}
    spec = PolicySpec(
        family="compact",
        cameras=(CameraSpec("front", 64, 64),),
        state=tuple(Channel(name, units[name]) for name in CHANNELS),
        action=tuple(
            ActionChannel(name, unit, "delta" if name in JOINTS else "absolute", "linear" if name in JOINTS else "hold")
            for name, unit in units.items()
        ),
        dt_s=0.1,
        horizon=8,
        n_action_steps=4,
        max_tokens=24,
        flow=FlowSpec(2),
        max_trained_delay=2,
        normalization=Normalization(Affine((0.0,) * 7, (1.0,) * 7), Affine((0.0,) * 7, (0.2,) * 7)),
    )
    sentences = [text for skill in SKILLS for text in wordings(skill, "train")]
    tokenizer = train_tokenizer(sentences, vocabulary=384, max_tokens=24)
    config = CompactConfig(channels=8, width=16, heads=2, static_queries=2, backbone_layers=1, expert_layers=1)
    return CompactPolicy(spec, config, tokenizer).eval()


@pytest.fixture(scope="session")
def policy_directory(tmp_path_factory):
    from retain.policy import save_policy

    path = tmp_path_factory.mktemp("policies") / "random"
    save_policy(tiny_policy(), path)
    return path


@pytest.fixture(scope="session")
def finetuned_directory(tmp_path_factory):
    from retain.policy import save_policy

    path = tmp_path_factory.mktemp("policies") / "finetuned"
    save_policy(tiny_policy(seed=1), path)
    return path
