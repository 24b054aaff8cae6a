import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from retain.checkpoint import Checkpoint, TensorInfo, copy_sidecars, open_checkpoint
from retain.errors import CheckpointError
from safetensors.numpy import load_file, save_file

PEFT = Path(__file__).parent / "peers" / "peft-0.18.1"
Q = "base_model.model.layers.0.q"


def factors(module: str = Q, rank: int = 2, *, suffix: str = "") -> dict[str, Any]:
    return {
        f"{module}.lora_A{suffix}.weight": np.ones((rank, 5), np.float32),
        f"{module}.lora_B{suffix}.weight": np.ones((3, rank), np.float32),
    }


def write_adapter(directory: Path, tensors: dict[str, Any] | None = None, **config: Any) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    save_file(factors() if tensors is None else tensors, directory / "adapter_model.safetensors")
    settings = {"peft_type": "LORA", "r": 2, "lora_alpha": 8, **config}
    (directory / "adapter_config.json").write_text(json.dumps(settings))
    return directory


def values(info: TensorInfo) -> Any:
    data = info.file.read_bytes()[info.offset : info.offset + info.nbytes]
    return np.frombuffer(data, np.float32).reshape(info.shape).astype(np.float64)


def refuse(path: Path, match: str) -> None:
    with pytest.raises(CheckpointError, match=match) as error:
        open_checkpoint(path)
    assert "\n" not in str(error.value)


def test_base_plus_scale_b_a_is_what_peft_makes_of_it() -> None:
    adapter = open_checkpoint(PEFT / "adapter")
    base, merged = load_file(PEFT / "base.safetensors"), load_file(PEFT / "merged.safetensors")
    assert adapter.kind == "peft"
    assert {name: (change.rank, change.scale) for name, change in adapter.adapters.items()} == {
        "layers.0.q_proj.weight": (4, 16 / 4),
        "layers.1.q_proj.weight": (2, 16 / 2),
        "layers.2.q_proj.weight": (4, 16 / 4),
        "layers.0.v_proj.weight": (3, 5 / 3),
        "layers.1.v_proj.weight": (3, 8 / 3),
        "layers.2.v_proj.weight": (3, 8 / 3),
        "action_out_proj.weight": (4, 8 / 4),  # "out_proj" is not the end of a path here
    }
    assert list(adapter.tensors) == ["action_in_proj.bias", "action_in_proj.weight"]
    for name, expected in merged.items():
        if name in adapter.adapters:
            change = adapter.adapters[name]
            made = base[name] + change.scale * values(change.b) @ values(change.a)
        else:
            made = values(adapter.tensors[name]) if name in adapter.tensors else base[name]
        assert np.allclose(made, expected, rtol=1e-5, atol=1e-5), name
    assert not np.allclose(base["layers.0.q_proj.weight"], merged["layers.0.q_proj.weight"], atol=0.1)


def test_an_adapters_name_in_the_keys_changes_nothing(tmp_path: Path) -> None:
    named = open_checkpoint(write_adapter(tmp_path, factors(suffix=".default")))
    assert list(named.adapters) == ["layers.0.q.weight"]
    refuse(write_adapter(tmp_path, {**factors(suffix=".a"), **factors(suffix=".b")}), "holds several adapters")
    refuse(write_adapter(tmp_path, {**factors(), **factors(suffix=".default")}), "holds several adapters")


def test_embeddings_that_peft_saved_whole_are_ordinary_tensors(tmp_path: Path) -> None:
    tensors = {**factors(), "base_model.model.lm_head.weight": np.ones((4, 5), np.float32)}
    assert list(open_checkpoint(write_adapter(tmp_path, tensors)).tensors) == ["lm_head.weight"]


SETTINGS = {
    "use_rslora": (True, "scales by lora_alpha/√r"),
    "use_dora": (True, "DoRA"),
    "fan_in_fan_out": (True, "transposed"),
    "bias": ("all", "sets bias to 'all'"),
    "lora_bias": (True, "adds a bias to B"),
    "use_qalora": (True, "averages the inputs"),
    "layer_replication": ([[0, 2]], "repeats layers"),
    "trainable_token_indices": ([1, 2], "replaces rows of the embedding"),
    "target_parameters": (["experts.up"], "not the weight of a module"),
    "alora_invocation_tokens": ([1], "aLoRA"),
    "arrow_config": ({"top_k": 3}, "chooses between adapters"),
    "megatron_config": ({"a": 1}, "splits layers"),
    "kasa_config": ({"a": 1}, "is not known here"),
    "use_something_new": (True, "use_something_new to True, which is not known here"),
    "peft_type": ("IA3", "peft_type 'IA3', and only LORA"),
    "r": (0, "not to a rank"),
    "lora_alpha": (float("nan"), "sets lora_alpha to nan"),
    "modules_to_save": ("all", "not a list of names"),
    "rank_pattern": ({"q": 2.0}, "rank_pattern of 'q' to 2.0"),
    "alpha_pattern": (["q"], "alpha_pattern to something else than an object"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_what_is_not_plain_lora_is_refused_by_name(tmp_path: Path, name: str) -> None:
    value, expected = SETTINGS[name]
    refuse(write_adapter(tmp_path, **{name: value}), f"adapter_config.json .*{expected}")


@pytest.mark.parametrize("begins", ["pissa", "pissa_niter_4", "olora", "corda", "loftq", "eva", "orthogonal", 3, None])
def test_an_adapter_that_may_not_begin_at_the_base_is_refused(tmp_path: Path, begins: Any) -> None:
    refuse(write_adapter(tmp_path, init_lora_weights=begins), r"init_lora_weights .* merge_and_unload\(\)")


@pytest.mark.parametrize("begins", [True, False, "gaussian"])
def test_an_adapter_that_begins_at_the_base_is_read(tmp_path: Path, begins: Any) -> None:
    assert open_checkpoint(write_adapter(tmp_path, init_lora_weights=begins)).adapters["layers.0.q.weight"].scale == 4


def test_settings_that_are_off_are_no_reason_to_refuse(tmp_path: Path) -> None:
    off = {name: False for name in SETTINGS if name.startswith("use_")}
    assert open_checkpoint(write_adapter(tmp_path, **off, layer_replication=None, loftq_config={})).adapters


A, B = (np.ones(shape, np.float32) for shape in ((2, 5), (3, 2)))
TENSORS = {
    "A without B": ({f"{Q}.lora_A.weight": A}, "lora_A of 'layers.0.q' without lora_B"),
    "B without A": ({f"{Q}.lora_B.weight": B}, "lora_B of 'layers.0.q' without lora_A"),
    "another rank than configured": (factors(rank=3), r"lora_A \[3, 5\] and lora_B \[3, 3\] .* says rank 2"),
    "ranks that differ": ({f"{Q}.lora_A.weight": A, f"{Q}.lora_B.weight": np.ones((3, 4), np.float32)}, "says rank 2"),
    "a convolution": (
        {f"{Q}.lora_A.weight": np.ones((2, 5, 3, 3), np.float32), f"{Q}.lora_B.weight": B}, "a convolution's"
    ),
    "an embedding": ({f"{Q}.lora_embedding_A": A, f"{Q}.lora_embedding_B": B}, "low-rank change of an embedding"),
    "a magnitude": ({**factors(), f"{Q}.lora_magnitude_vector": A}, "magnitude of a DoRA"),
    "a bias of B": ({**factors(), f"{Q}.lora_B.bias": A}, "bias of a LoRA factor"),
    "a bias": ({**factors(), f"{Q}.bias": A}, "neither a LoRA factor nor of a module in modules_to_save"),
    "a base layer": ({**factors(), f"{Q}.base_layer.weight": A}, "neither a LoRA factor"),
    "no prefix": (factors("layers.0.q"), "a name that begins with base_model.model"),
    "two dtypes": ({f"{Q}.lora_A.weight": A, f"{Q}.lora_B.weight": B.astype(np.float16)}, "as F32 and lora_B as F16"),
    "integers": ({name: array.astype(np.int8) for name, array in factors().items()}, "as I8"),
}  # fmt: skip


@pytest.mark.parametrize("name", TENSORS)
def test_tensors_that_are_no_lora_are_refused_by_name(tmp_path: Path, name: str) -> None:
    tensors, expected = TENSORS[name]
    refuse(write_adapter(tmp_path, tensors), expected)


def test_a_tensor_both_whole_and_adapted_is_refused(tmp_path: Path) -> None:
    tensors = {**factors("base_model.model.head"), "base_model.model.head.weight": np.ones((3, 5), np.float32)}
    refuse(write_adapter(tmp_path, tensors, modules_to_save=["head"]), "both whole and as a low-rank change")


@pytest.mark.parametrize("pattern", ["(a+)+b", "(?:a|aa)*", ".*.*.*.*.*x", r"(a)\1", "a" * 2000])
def test_a_pattern_that_could_match_forever_is_refused(tmp_path: Path, pattern: str) -> None:
    refuse(write_adapter(tmp_path, rank_pattern={pattern: 2}), "pattern .* in rank_pattern")


def test_what_is_no_pattern_is_refused_and_what_is_an_odd_one_read(tmp_path: Path) -> None:
    refuse(write_adapter(tmp_path, alpha_pattern={"(": 2}), r"'\(' in alpha_pattern, which is not a regular expression")
    refuse(write_adapter(tmp_path, alpha_pattern={"a{99999999999}": 2}), "which is not a regular expression")
    odd = open_checkpoint(write_adapter(tmp_path, alpha_pattern={"[[q]": 32}))
    assert odd.adapters["layers.0.q.weight"].scale == 16


def test_incomplete_and_ambiguous_adapter_directories_are_refused(tmp_path: Path) -> None:
    directory = write_adapter(tmp_path / "both")
    save_file({"w": A}, directory / "model.safetensors")
    refuse(directory, r"both full weights \(model\.safetensors\) and an adapter")
    (directory / "model.safetensors").unlink()
    (directory / "adapter_model.safetensors").unlink()
    refuse(directory, r"adapter_config\.json but no adapter_model\.safetensors")
    directory = write_adapter(tmp_path / "configless")
    (directory / "adapter_config.json").unlink()
    refuse(directory, r"is an adapter without its adapter_config\.json")


def lerobot_adapter(directory: Path) -> Checkpoint:
    """As lerobot-train with --peft leaves it."""
    write_adapter(directory, base_model_name_or_path="lerobot/pi0_base")
    (directory / "config.json").write_text('{"type": "pi0",   "use_peft": true}')
    (directory / "policy_preprocessor.json").write_text('{"steps":   []}')
    return open_checkpoint(directory)


def test_files_beside_an_adapter_are_those_of_a_full_policy(tmp_path: Path) -> None:
    adapter = lerobot_adapter(tmp_path / "adapter")
    assert adapter.sidecars == (Path("config.json"), Path("policy_preprocessor.json"))
    assert adapter.notes == ("the adapter was trained on lerobot/pi0_base",)
    copy = tmp_path / "copy"
    copy.mkdir()
    copy_sidecars(adapter.directory, adapter.sidecars, copy)
    assert json.loads((copy / "config.json").read_text()) == {"type": "pi0", "use_peft": False}
    assert (copy / "policy_preprocessor.json").read_text() == '{"steps":   []}'
