"""Settings and files beside the weights that change what the weights mean."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from retain.checkpoint import open_checkpoint
from retain.errors import CheckpointError, MergeError
from retain.merge import detect_family
from retain.merge.agreement import check_agreement

from .policies import write_weights


def write(directory: Path, config: dict[str, Any], **files: Any) -> Path:
    """A policy with config.json and other JSON files, `name=content`."""
    directory.mkdir()
    write_weights(directory / "model.safetensors", {"weight": np.zeros(2)})
    for name, content in {"config": config, **files}.items():
        (directory / f"{name}.json").write_text(json.dumps(content))
    return directory


def agree(base: Path, finetuned: Path) -> None:
    first, second = open_checkpoint(base), open_checkpoint(finetuned)
    check_agreement(first, second, detect_family(first.config, first.tensors))


def processor(**kwargs: Any) -> dict[str, Any]:
    return {"processor_class": "Gr00tN1d7Processor", "processor_kwargs": kwargs}


N1_7 = {"model_type": "Gr00tN1d7"}


def test_a_robot_must_have_the_same_row_of_the_head_at_both_ends(tmp_path: Path) -> None:
    base = write(tmp_path / "base", N1_7, embodiment_id={"libero_sim": 2, "new_embodiment": 10})
    agree(base, write(tmp_path / "own", N1_7, embodiment_id={"new_embodiment": 10, "my_robot": 31}))
    with pytest.raises(MergeError, match=r"embodiment_id\.json has new_embodiment 10 in the base and 31"):
        agree(base, write(tmp_path / "other", N1_7, embodiment_id={"new_embodiment": 31}))


def test_a_robots_channels_must_be_the_same_but_its_cameras_need_not(tmp_path: Path) -> None:
    def robot(state: list[str], camera: str) -> dict[str, Any]:
        keys = {"state": {"modality_keys": state}, "video": {"modality_keys": [camera]}}
        return processor(modality_configs={"gr1": keys}, use_percentiles=True)

    base = write(tmp_path / "base", N1_7, processor_config=robot(["arm", "hand"], "ego"))
    agree(base, write(tmp_path / "camera", N1_7, processor_config=robot(["arm", "hand"], "front")))
    with pytest.raises(MergeError, match=r"processor_config\.json has .*modality_configs\.gr1\.state"):
        agree(base, write(tmp_path / "order", N1_7, processor_config=robot(["hand", "arm"], "ego")))
    with pytest.raises(MergeError, match=r"use_percentiles true in the base and false"):
        agree(base, write(tmp_path / "range", N1_7, processor_config=processor(use_percentiles=False)))


def test_openvlas_bins_and_shared_data_sets_must_agree(tmp_path: Path) -> None:
    def openvla(bins: int, **sets: float) -> dict[str, Any]:
        stats = {name: {"action": {"q01": [low]}, "num_transitions": 5 * low} for name, low in sets.items()}
        return {"model_type": "openvla", "n_action_bins": bins, "norm_stats": stats}

    base = write(tmp_path / "base", openvla(256, bridge=0.0))
    agree(base, write(tmp_path / "more", openvla(256, bridge=0.0, mine=1.0)))
    with pytest.raises(MergeError, match="n_action_bins 256 in the base and 512"):
        agree(base, write(tmp_path / "bins", openvla(512, bridge=0.0)))
    with pytest.raises(MergeError, match=r"norm_stats\.bridge\.action .*0\.0.* in the base and .*1\.0"):
        agree(base, write(tmp_path / "units", openvla(256, bridge=1.0)))


def test_other_action_tokens_are_refused(tmp_path: Path) -> None:
    base = write(tmp_path / "base", {"type": "pi0_fast", "action_tokenizer_name": "lerobot/fast-action-tokenizer"})
    with pytest.raises(MergeError, match="action_tokenizer_name"):
        agree(base, write(tmp_path / "other", {"type": "pi0_fast", "action_tokenizer_name": "me/my-tokens"}))


def test_a_setting_one_level_down_is_compared(tmp_path: Path) -> None:
    base = write(tmp_path / "base", {"model_type": "gr00t_n1_5", "backbone_cfg": {"select_layer": 12}})
    with pytest.raises(MergeError, match=r"backbone_cfg\.select_layer 12 in the base and 14"):
        agree(base, write(tmp_path / "other", {"model_type": "gr00t_n1_5", "backbone_cfg": {"select_layer": 14}}))


def test_what_only_one_end_says_is_no_disagreement(tmp_path: Path) -> None:
    base = write(tmp_path / "base", {**N1_7, "use_percentiles": True}, embodiment_id={"libero_sim": 2})
    agree(base, write(tmp_path / "other", N1_7))
    agree(base, write(tmp_path / "bare", {}))


def test_different_models_of_one_family_are_refused(tmp_path: Path) -> None:
    base = write(tmp_path / "base", N1_7)
    with pytest.raises(MergeError, match="the base is a Gr00tN1d7 and the finetuned policy a gr00t_n1_5"):
        agree(base, write(tmp_path / "other", {"model_type": "gr00t_n1_5"}))


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    base, other = write(tmp_path / "base", N1_7), write(tmp_path / "other", N1_7)
    (other / "embodiment_id.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"embodiment_id\.json is not JSON"):
        agree(base, other)
