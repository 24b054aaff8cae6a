"""What of a SmolVLA's files says whether it learnt with positions that transformers 4.55 to 4.57 shifted."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from retain.checkpoint import open_checkpoint
from retain.cli.main import main
from retain.errors import PolicyError
from retain.policy.configuration_file import read_configuration
from retain.policy.lerobot.adopt import adopt
from retain.policy.lerobot.vision_positions import vision_positions
from safetensors.torch import save_file

from .conftest import write_lerobot_policy, write_tokenizer
from .test_adopt import NAMES, NAMING, UNITS

TOWER = "model.vlm_with_expert.vlm.model.vision_model.post_layernorm.weight"


def write_trained(directory: Path, dtype: torch.dtype, **changes: Any) -> Path:
    policy = write_lerobot_policy(directory, **changes)
    save_file({TOWER: torch.ones(4, dtype=dtype)}, policy / "model.safetensors")
    write_tokenizer(policy / "tokenizer.json")
    return policy


@pytest.mark.parametrize(
    ("dtype", "changes", "expected"),
    [
        (torch.float32, {}, "unknown"),
        (torch.bfloat16, {}, "plain"),
        (torch.float32, {"pretrained_revision": None}, "plain"),
        (torch.float32, {"type": "act"}, None),
    ],
)
def test_what_rules_the_shift_out(
    dtype: torch.dtype, changes: dict[str, Any], expected: str | None, tmp_path: Path
) -> None:
    assert vision_positions(open_checkpoint(write_trained(tmp_path / "policy", dtype, **changes))) == expected


@pytest.mark.parametrize("said", ["plain", "shifted"])
def test_what_the_user_says_of_them_is_what_the_backbone_is_built_with(said: str, tmp_path: Path) -> None:
    policy = write_trained(tmp_path / "policy", torch.float32)
    adopt(policy, tmp_path / "out", NAMING, UNITS, positions=said)  # type: ignore[arg-type]
    _, sizes = read_configuration(tmp_path / "out")
    assert sizes["vlm_config"]["vision_config"]["shifted_positions"] == (said == "shifted")
    assert sizes["vlm_config"]["text_config"]["num_hidden_layers"] == 32
    assert vision_positions(open_checkpoint(tmp_path / "out")) == said


def test_a_backbone_that_is_not_the_published_one_is_not_made_up(tmp_path: Path) -> None:
    policy = write_trained(tmp_path / "policy", torch.float32, vlm_model_name="someone/else")
    with pytest.raises(PolicyError, match=r"the backbone someone/else is not known here.*as vlm_config\.json"):
        adopt(policy, tmp_path / "out", NAMING, UNITS, positions="shifted")
    (policy / "vlm_config.json").write_text(json.dumps({"scale_factor": 2, "vision_config": {"patch_size": 8}}))
    adopt(policy, tmp_path / "out", NAMING, UNITS, positions="shifted")
    written = json.loads((tmp_path / "out" / "vlm_config.json").read_text())
    assert written == {"scale_factor": 2, "vision_config": {"patch_size": 8, "shifted_positions": True}}


def test_adopt_warns_where_it_is_open_and_inspect_shows_what_is_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = write_trained(tmp_path / "policy", torch.float32)
    arguments = ["adopt", str(policy), "--names", ",".join(NAMES), "--fps", "30", "--unit", "*=deg"]
    assert main([*arguments, "-o", str(tmp_path / "open")]) == 0
    assert "--vision-positions shifted" in " ".join(capsys.readouterr().err.split())
    assert main([*arguments, "-o", str(tmp_path / "settled"), "--vision-positions", "shifted"]) == 0
    assert not capsys.readouterr().err
    for path, expected in ((policy, "unknown"), (tmp_path / "open", "plain"), (tmp_path / "settled", "shifted")):
        assert main(["inspect", str(path), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["vision_positions"] == expected
        assert main(["inspect", str(path)]) == 0
        assert "vision positions" in capsys.readouterr().out
