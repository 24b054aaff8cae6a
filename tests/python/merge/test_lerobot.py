"""LeRobot loads what we merge, unchanged. Skipped where it is missing; docs/lerobot.md makes such an environment."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from retain.merge import merge

from .. import installed_lerobot  # noqa: TID252 (tests are no package that could be named)
from ..lerobot_backbone import write_backbone  # noqa: TID252

pytestmark = [
    *installed_lerobot.marks,
    pytest.mark.timeout(1200),
]
ALPHA = 0.3
CAMERA = "observation.images.top"


@pytest.fixture
def lerobot(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    installed_lerobot.prepare_import()
    from lerobot.configs.types import FeatureType, PolicyFeature
    from lerobot.policies import factory
    from lerobot.policies.act.configuration_act import ACTConfig
    from lerobot.policies.act.modeling_act import ACTPolicy
    from lerobot.policies.smolvla.configuration_smolvla import SmolVLAConfig
    from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy

    features = {
        "input_features": {
            "observation.state": PolicyFeature(type=FeatureType.STATE, shape=(6,)),
            CAMERA: PolicyFeature(type=FeatureType.VISUAL, shape=(3, 96, 128)),
        },
        "output_features": {"action": PolicyFeature(type=FeatureType.ACTION, shape=(6,))},
        "device": "cpu",
    }
    return SimpleNamespace(
        features=features, processors=factory.make_pre_post_processors,
        act=(ACTPolicy, ACTConfig), smolvla=(SmolVLAPolicy, SmolVLAConfig),
    )  # fmt: skip


def write_vlm(directory: Path, *, full: bool) -> Path:
    """SmolVLM2-500M, or a small backbone, as SmolVLA asks the Hub for it."""
    text = {"hidden_size": 960, "intermediate_size": 2560, "num_hidden_layers": 32, "num_attention_heads": 15,
            "num_key_value_heads": 5, "head_dim": 64, "vocab_size": 49280}  # fmt: skip
    vision = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
              "patch_size": 16, "image_size": 512}  # fmt: skip
    if not full:
        text |= {"hidden_size": 48, "intermediate_size": 64, "num_hidden_layers": 16, "num_attention_heads": 3,
                 "num_key_value_heads": 1, "head_dim": 16, "vocab_size": 64}  # fmt: skip
        vision |= {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
    document = {
        "model_type": "smolvlm", "image_token_id": 3, "scale_factor": 4, "pad_token_id": 2,
        "tie_word_embeddings": False, "text_config": {"model_type": "llama", "pad_token_id": 2, **text},
        "vision_config": {"model_type": "smolvlm_vision", **vision},
    }  # fmt: skip
    return write_backbone(directory, document)


def configuration(lerobot, kind: str, directory: Path):
    if kind == "act":
        return lerobot.act[1](pretrained_backbone_weights=None, **lerobot.features)
    vlm = write_vlm(directory / "vlm", full=kind == "smolvla-full")
    return lerobot.smolvla[1](vlm_model_name=str(vlm), load_vlm_weights=False, **lerobot.features)


def dataset_statistics(frames: int, spread: float = 1.0) -> dict:
    import torch

    names = ("min", "max", "mean", "std", "q01", "q10", "q50", "q90", "q99")
    shapes = {"observation.state": (6,), "action": (6,), CAMERA: (3, 1, 1), "timestamp": (1,)}
    made = {}
    for feature, shape in shapes.items():
        own = frames if feature == "timestamp" else 1
        made[feature] = {name: torch.full(shape, own * spread * (1 + 0.5 * i)) for i, name in enumerate(names)}
        made[feature]["count"] = torch.tensor([frames])
    return made


def save(lerobot, policy, directory: Path, statistics: dict) -> Path:
    """As lerobot-train saves a checkpoint."""
    policy.save_pretrained(directory)
    for pipeline in lerobot.processors(policy.config, dataset_stats=statistics):
        pipeline.save_pretrained(directory)
    return directory


def train(policy) -> None:
    """A small update of every parameter that the policy's own finetuning trains."""
    import torch

    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in policy.parameters():
            if parameter.requires_grad:
                parameter.add_(1e-3 * torch.randn_like(parameter))


@pytest.mark.parametrize("kind", ["act", "smolvla", pytest.param("smolvla-full", marks=pytest.mark.slow)])
def test_lerobot_loads_a_merged_directory_and_finds_every_tensor_interpolated(tmp_path, lerobot, kind) -> None:
    import torch

    policy_class = lerobot.act[0] if kind == "act" else lerobot.smolvla[0]
    torch.manual_seed(0)
    policy = policy_class(configuration(lerobot, kind, tmp_path))
    save(lerobot, policy, tmp_path / "base", dataset_statistics(1000))
    before = {name: tensor.clone() for name, tensor in policy.state_dict().items()}
    train(policy)
    save(lerobot, policy, tmp_path / "finetuned", dataset_statistics(50))
    after = policy.state_dict()
    merge(tmp_path / "base", tmp_path / "finetuned", tmp_path / "merged", ALPHA)

    loaded = policy_class.from_pretrained(tmp_path / "merged", strict=True)
    found = loaded.state_dict()
    assert found.keys() == before.keys()
    changed = 0
    for name, tensor in found.items():
        expected = torch.lerp(before[name], after[name], ALPHA)
        torch.testing.assert_close(tensor, expected, rtol=3e-7, atol=1e-9, msg=name)
        changed += not torch.equal(before[name], after[name])
        if torch.equal(before[name], after[name]):
            assert torch.equal(tensor, before[name]), name
    assert changed > 50

    pre, post = lerobot.processors(loaded.config, pretrained_path=str(tmp_path / "merged"))
    observation = {
        "observation.state": torch.arange(6.0), CAMERA: torch.full((3, 96, 128), 0.5), "task": "pick up the block",
    }  # fmt: skip
    batch = pre(observation)
    expected_state = (torch.arange(6.0) - 2.0) / (2.5 + 1e-8)  # mean and std of dataset_statistics
    torch.testing.assert_close(batch["observation.state"][0], expected_state)
    if kind != "smolvla-full":  # on a CPU it takes minutes
        action = post(loaded.select_action(batch))
        assert action.shape == (1, 6)
        assert torch.isfinite(action).all()


def test_the_folded_layers_do_in_lerobot_what_the_finetuned_policy_does(tmp_path, lerobot) -> None:
    import torch
    from retain.checkpoint import open_checkpoint
    from retain.merge import detect_family
    from retain.merge.normalization import check_normalization

    torch.manual_seed(0)
    policy = lerobot.act[0](configuration(lerobot, "act", tmp_path)).eval()
    here, there = dataset_statistics(1000), dataset_statistics(50, spread=0.5)
    there[CAMERA] = here[CAMERA]
    base = save(lerobot, policy, tmp_path / "base", here)
    train(policy)
    finetuned = save(lerobot, policy, tmp_path / "finetuned", there)
    first, second = open_checkpoint(base), open_checkpoint(finetuned)
    check = check_normalization(first, second, detect_family(first.config, first.tensors), fold=True)
    assert check.status == "folded"

    def act(directory: Path) -> torch.Tensor:
        pre, post = lerobot.processors(policy.config, pretrained_path=str(directory))
        observation = {"observation.state": torch.arange(6.0), CAMERA: torch.full((3, 96, 128), 0.5)}
        policy.reset()
        return post(policy.select_action(pre(observation)))

    expected = act(finetuned)
    with torch.no_grad():
        tensors = dict(policy.named_parameters())
        for name, new in check.replacements.items():
            tensors[name].copy_(torch.from_numpy(np.frombuffer(new.data, "<f8").reshape(new.shape).copy()))
    torch.testing.assert_close(act(base), expected, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(act(finetuned), expected, rtol=1e-2)
