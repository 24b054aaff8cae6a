"""Good directories of every kind, as inputs of hostile_directory."""

import io
import json
from typing import Any

from .hostile_directory import pack

STATISTICS = {"mean": [0.5, 1.0], "std": [1.0, 2.0], "q01": [-1.0, -2.0], "q99": [1.0, 2.0], "mask": [True, False]}


def _tensors(**shapes: Any) -> bytes:
    """A header of F32 tensors, names with "__" for dots."""
    entries: dict[str, Any] = {"__metadata__": {"format": "pt", "tied": "w"}}
    offset = 0
    for name, (rows, columns) in shapes.items():
        end = offset + 4 * rows * columns
        entries[name.replace("__", ".")] = {"dtype": "F32", "shape": [rows, columns], "data_offsets": [offset, end]}
        offset = end
    return json.dumps(entries).encode()


def _json(**document: Any) -> bytes:
    return json.dumps(document).encode()


_ONE, _TWO = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
_STATE = "policy_preprocessor_step_2_normalizer_processor.safetensors"
_STEP = {"registry_name": "normalizer_processor", "config": {}, "state_file": _STATE}

SEEDS: dict[str, bytes] = {
    "lerobot": pack([
        ("model.safetensors", _tensors(model__encoder__layers__0__w=(2, 3), model__action_head__w=(1, 4), w=(1, 1))),
        ("config.json", _json(type="act", use_peft=False)),
        ("policy_preprocessor.json", _json(name="pre", steps=[_STEP])),
        (_STATE, _tensors(action__mean=(1, 2), action__std=(1, 2))),
    ]),
    "shards": pack([
        (_ONE, _tensors(layer0=(2, 2))),
        (_TWO, _tensors(layer1=(2, 2))),
        ("model.safetensors.index.json",
         _json(metadata={"total_size": 32}, weight_map={"layer0": _ONE, "layer1": _TWO})),
        ("config.json", _json(model_type="openvla", norm_stats={"bridge": {"action": STATISTICS}})),
        ("dataset_statistics.json", _json(libero={"action": STATISTICS, "num_transitions": 5})),
    ]),
    "adapter": pack([
        ("adapter_model.safetensors",
         _tensors(base_model__model__q__lora_A__weight=(2, 5), base_model__model__q__lora_B__weight=(3, 2),
                  base_model__model__head__weight=(2, 2))),
        ("adapter_config.json",
         _json(peft_type="LORA", r=4, lora_alpha=8, rank_pattern={"q": 2}, alpha_pattern={r"^q\d?$": 16, "q": 4},
               modules_to_save=["head"], init_lora_weights=True, use_dora=False, bias="none", target_modules=["q"])),
        ("config.json", _json(type="pi0", use_peft=True)),
    ]),
    "openpi": pack([
        ("model.safetensors", _tensors(action_in_proj__weight=(2, 3))),
        ("assets/droid/norm_stats.json", _json(norm_stats={"actions": STATISTICS, "state": STATISTICS})),
        ("merge_report.json", _json(base={"path": "a"}, finetuned={"path": "b"}, components={"all": {"alpha": 0.5}})),
    ]),
    "groot": pack([
        ("model.safetensors", _tensors(_groot_model__action_head__state_encoder__W=(2, 3))),
        ("statistics.json", _json(gr1={"action": {"arm": STATISTICS}})),
        ("experiment_cfg/metadata.json", _json(gr1={"statistics": {"action": {"arm": STATISTICS}}, "modalities": {}})),
        ("config.json", _json(model_type="Gr00tN1d7")),
    ]),
    "old lerobot": pack([
        ("model.safetensors",
         _tensors(model__backbone__w=(2, 2), normalize_inputs__buffer_observation_state__mean=(1, 2))),
        ("config.json", _json(type="act")),
    ]),
}  # fmt: skip


def torch_seeds() -> dict[str, bytes]:
    """Torch files of every kind; only where torch is wanted."""
    import torch

    tied = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    contents = {
        "plain": {"w": tied, "b": torch.ones(2).bfloat16()},
        "nested": {"model": {"vision": {"w": tied}, "head": {"w": tied}}, "ema": {"w": tied}, "step": 3},
        "head": {"module.model.fc1.weight": tied, "module.model.fc1.bias": tied[0]},
        "view": {"w": tied.t(), "parameter": torch.nn.Parameter(torch.ones(3))},
    }
    seeds = {}
    for name, content in contents.items():
        file = io.BytesIO()
        torch.save(content, file)
        seeds[name] = pack([("policy.pt", file.getvalue())])
    return seeds
