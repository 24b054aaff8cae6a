import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

STATE, ACTION = 3, 3
STATISTICS = {
    "observation.state.mean": [10.0, -5.0, 50.0],
    "observation.state.std": [30.0, 20.0, 0.0],
    "action.mean": [1.0, 2.0, 40.0],
    "action.std": [4.0, 5.0, 25.0],
    "observation.state.q01": [-90.0, -45.0, 0.0],
    "observation.state.q99": [90.0, 45.0, 100.0],
    "action.q01": [-10.0, -20.0, 0.0],
    "action.q99": [10.0, 20.0, 100.0],
}


def write_tokenizer(path: Path) -> Path:
    words = {word: index for index, word in enumerate(["<pad>", "[UNK]", "place", "the", "red", "block"])}
    tokenizer = Tokenizer(WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(path))
    return path


def write_lerobot_policy(directory: Path, mode: str = "MEAN_STD", **changes: Any) -> Path:
    """SmolVLA's files as LeRobot 0.4 writes them; the one tensor that stands for its weights is read by nobody here."""
    directory.mkdir(parents=True)
    features = {
        "observation.state": {"type": "STATE", "shape": [STATE]},
        "observation.images.top": {"type": "VISUAL", "shape": [3, 48, 64]},
        "observation.images.empty_camera_0": {"type": "VISUAL", "shape": [3, 48, 64]},
    }
    action = {"action": {"type": "ACTION", "shape": [ACTION]}}
    document = {
        "type": "smolvla",
        "input_features": features,
        "output_features": action,
        "chunk_size": 8,
        "n_action_steps": 4,
        "max_state_dim": 32,
        "max_action_dim": 32,
        "tokenizer_max_length": 12,
        "num_steps": 10,
        "device": "cpu",
        "optimizer_lr": 1e-4,
        "normalization_mapping": {"VISUAL": "IDENTITY", "STATE": mode, "ACTION": mode},
        **changes,
    }
    (directory / "config.json").write_text(json.dumps(document))
    norm = {"eps": 1e-8, "features": {**features, **action}, "norm_map": document["normalization_mapping"]}
    pipelines = {
        "policy_preprocessor": [
            {"registry_name": "tokenizer_processor", "config": {"tokenizer_name": "someone/words", "max_length": 12}},
            {"registry_name": "normalizer_processor", "config": norm, "state_file": "before.safetensors"},
        ],
        "policy_postprocessor": [
            {"registry_name": "unnormalizer_processor", "config": norm, "state_file": "after.safetensors"}
        ],
    }
    statistics = {name: np.array(values, np.float32) for name, values in STATISTICS.items()}
    for (name, steps), state in zip(pipelines.items(), ("before", "after"), strict=True):
        (directory / f"{name}.json").write_text(json.dumps({"name": name, "steps": steps}))
        save_file(statistics, directory / f"{state}.safetensors")
    save_file({"weight": np.zeros(4, np.float32)}, directory / "model.safetensors")
    return directory


@pytest.fixture
def smolvla_files(tmp_path: Path) -> Path:
    return write_lerobot_policy(tmp_path / "pretrained_model")
