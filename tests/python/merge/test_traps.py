"""The traps that other implementations fell into, one test each."""

import json
from pathlib import Path

import numpy as np
import pytest
from retain.cli.main import main
from retain.errors import MergeError
from retain.merge import merge, prepare
from retain.merge.recipe import Recipe

from .adapters import write_adapter
from .policies import (
    Array,
    finetuned,
    from_bf16,
    read_weights,
    to_bf16,
    weights,
    write_pair,
    write_policy,
    write_weights,
)

WEIGHTS = "model.safetensors"
PI05 = "paligemma_with_expert."


def test_trap_scaling_both_lora_factors_gives_alpha_squared(tmp_path: Path) -> None:
    base = write_policy(tmp_path / "base", weights(), "F64")
    (update,) = write_adapter(tmp_path / "adapter", {"action.layer0": (40, 7)}, seed=3).values()
    merge(base, tmp_path / "adapter", tmp_path / "merged", 0.25)
    moved = read_weights(tmp_path / "merged" / WEIGHTS)["action.layer0.weight"] - weights()["action.layer0.weight"]
    assert np.vdot(moved, update) / np.vdot(update, update) == pytest.approx(0.25, rel=1e-5)


def test_trap_averaging_in_bfloat16_loses_the_update(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    p: Array = random.standard_normal(200_000)
    f = p + 0.01 * np.sqrt(np.mean(p**2)) * random.standard_normal(p.shape)
    base, tuned = (write_policy(tmp_path / name, {"action.w": w}, "F32") for name, w in (("base", p), ("tuned", f)))
    p, f = (read_weights(end / WEIGHTS)["action.w"] for end in (base, tuned))
    alpha = 0.3
    exact = alpha * (f - p)

    def error(merged: Array) -> float:
        return float(np.linalg.norm(merged - p - exact) / np.linalg.norm(exact))

    def bf16(values: Array) -> Array:
        return from_bf16(to_bf16(values)).astype(np.float64)

    ends = [bf16(bf16(end) * bf16(np.float64(weight))) for end, weight in ((p, 1 - alpha), (f, alpha))]
    assert error(bf16(ends[0] + ends[1])) == pytest.approx(0.82, abs=0.08)  # bf16 ends and arithmetic
    merge(base, tuned, tmp_path / "coarse", alpha, dtype="bfloat16")
    assert error(read_weights(tmp_path / "coarse" / WEIGHTS)["action.w"]) == pytest.approx(0.55, abs=0.05)
    report = merge(base, tuned, tmp_path / "fine", alpha)
    assert error(read_weights(tmp_path / "fine" / WEIGHTS)["action.w"]) < 1e-4
    assert report.components["action"].lost == pytest.approx(0.0, abs=1e-3)


def test_trap_name_patterns_that_miss_tensors(tmp_path: Path) -> None:
    made: dict[str, Array] = {
        f"{PI05}gemma_expert.model.layers.0.self_attn.q_proj.weight": np.ones((2, 2)),
        f"{PI05}paligemma.model.vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight": np.ones((2, 2)),
        f"{PI05}paligemma.model.language_model.layers.0.mlp.up_proj.weight": np.ones((2, 2)),
        "time_mlp_in.weight": np.ones((2, 2)),  # π0.5's, which the reference's list of projections lacks
        "time_mlp_out.bias": np.ones(2),
    }
    config = {"type": "pi05"}
    base = write_policy(tmp_path / "base", made, config=config)
    tuned = write_policy(tmp_path / "tuned", {name: values + 1 for name, values in made.items()}, config=config)
    merge(base, tuned, tmp_path / "merged", {"vision": 0.0, "language": 0.0, "action": 0.5})
    merged = read_weights(tmp_path / "merged" / WEIGHTS)
    assert merged["time_mlp_in.weight"] == pytest.approx(1.5)
    assert merged["time_mlp_out.bias"] == pytest.approx(1.5)
    made["brand_new_head.weight"] = np.ones(2)
    newer = write_policy(tmp_path / "newer", made, config=config)
    with pytest.raises(MergeError, match=r"1 tensors belong to no component of the family pi0.*brand_new_head\.weight"):
        merge(newer, newer, tmp_path / "out", 0.5)


def test_trap_families_without_an_action_expert_say_so(tmp_path: Path) -> None:
    name = f"model.{PI05}paligemma.model.language_model.layers.0.mlp.up_proj.weight"
    base = write_policy(tmp_path / "base", {name: np.ones((2, 2))}, config={"type": "pi0_fast"})
    tuned = write_policy(tmp_path / "tuned", {name: np.zeros((2, 2))}, config={"type": "pi0_fast"})
    report = merge(base, tuned, tmp_path / "merged", {"default": 0.5, "action": 1.0})
    assert "this policy has no tensor in action; its alpha has no effect" in report.warnings


def test_trap_frozen_parts_make_an_alpha_without_effect(tmp_path: Path) -> None:
    made = weights()
    tuned_weights = finetuned(made)
    tuned_weights |= {name: values for name, values in made.items() if name.startswith("language")}
    base, tuned = write_policy(tmp_path / "base", made), write_policy(tmp_path / "tuned", tuned_weights)
    report = merge(base, tuned, tmp_path / "merged", {"language": 0.8, "vision": 0.0, "action": 0.0})
    assert any("language is the same at both ends (frozen" in warning for warning in report.warnings)


def test_trap_different_normalization_statistics_are_never_averaged(tmp_path: Path) -> None:
    base, tuned = write_pair(tmp_path)
    state = "policy_preprocessor_step_2_normalizer_processor.safetensors"
    write_weights(tuned / state, {"action.mean": np.array([0.1, -0.2]), "action.std": np.array([0.5, 1.0])})
    with pytest.raises(MergeError, match=r"normalization.*retain finetune … --stats base"):
        merge(base, tuned, tmp_path / "merged", 0.5)


def test_trap_alpha_is_the_finetuned_policys_weight_and_every_output_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = "alpha is the weight of the finetuned policy: 0 is the base, 1 the finetuned policy"
    base, tuned = write_pair(tmp_path)
    arguments = ["merge", str(base), str(tuned), "--alpha", "0.25", "-o", str(tmp_path / "merged")]
    assert main([*arguments, "--dry-run"]) == 0
    assert main(arguments) == 0
    assert capsys.readouterr().out.count(words) == 2
    assert json.loads((tmp_path / "merged" / "merge_report.json").read_text())["alpha_in_words"] == words
    p, f, m = (read_weights(end / WEIGHTS)["action.scale"] for end in (base, tuned, tmp_path / "merged"))
    assert m == pytest.approx(0.75 * p + 0.25 * f)


def test_trap_a_resized_vocabulary_is_never_cut_in_silence(tmp_path: Path) -> None:
    head = "model.vlm_with_expert.vlm.lm_head.weight"
    embedding = "model.vlm_with_expert.vlm.model.text_model.embed_tokens.weight"
    config = {"type": "smolvla"}
    rows = np.arange(12.0).reshape(4, 3)
    base = write_policy(tmp_path / "base", {embedding: rows, head: rows}, config=config)
    tuned = write_policy(tmp_path / "tuned", {embedding: np.ones((5, 3)), head: np.ones((5, 3))}, config=config)
    with pytest.raises(MergeError, match=r"disagree on 2 of 2 tensors; pass --missing base"):
        merge(base, tuned, tmp_path / "merged", 0.5)
    merge(base, tuned, tmp_path / "merged", 0.5, missing="base")
    assert np.array_equal(read_weights(tmp_path / "merged" / WEIGHTS)[embedding], rows)


def test_trap_a_tied_embedding_stored_once_or_twice_is_one_tensor(tmp_path: Path) -> None:
    head = "model.vlm_with_expert.vlm.lm_head.weight"
    embedding = "model.vlm_with_expert.vlm.model.text_model.embed_tokens.weight"
    config = {"type": "smolvla"}
    rows = np.arange(12.0).reshape(4, 3)
    twice = write_policy(tmp_path / "twice", {embedding: rows, head: rows}, config=config)
    once = write_policy(tmp_path / "once", {embedding: rows + 1}, config=config)
    merge(twice, once, tmp_path / "merged", 0.5)
    merged = read_weights(tmp_path / "merged" / WEIGHTS)
    assert np.array_equal(merged[head], merged[embedding])
    assert np.array_equal(merged[head], rows + 0.5)


def test_trap_stacked_and_separate_layers_have_the_same_depth(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    layers = [random.standard_normal((3, 2)) for _ in range(4)]
    stack = "PaliGemma/llm/layers/mlp/linear"
    separate = f"{PI05}paligemma.model.language_model.layers.{{}}.mlp.down_proj.weight"
    for name, shift in (("base", 0.0), ("tuned", 1.0)):
        write_weights(tmp_path / f"jax-{name}.safetensors", {stack: np.stack(layers) + shift}, "F64")
        torch = {separate.format(number): values + shift for number, values in enumerate(layers)}
        write_policy(tmp_path / f"torch-{name}", torch, "F64", config={"type": "pi0"})
    merge(
        tmp_path / "jax-base.safetensors", tmp_path / "jax-tuned.safetensors", tmp_path / "jax", 1.0, depth=(0.0, 1.0)
    )
    merge(tmp_path / "torch-base", tmp_path / "torch-tuned", tmp_path / "torch", 1.0, depth=(0.0, 1.0))
    stacked = read_weights(tmp_path / "jax" / WEIGHTS)[stack]
    apart = read_weights(tmp_path / "torch" / WEIGHTS)
    for number, values in enumerate(layers):
        assert np.allclose(stacked[number], values + number / 3, rtol=0, atol=1e-12)
        assert np.array_equal(stacked[number], apart[separate.format(number)])


def test_trap_statistics_saved_among_the_weights_are_not_weights(tmp_path: Path) -> None:
    made = weights()
    made["normalize_inputs.buffer_observation_state.mean"] = np.array([0.5, 1.0])
    made["unnormalize_outputs.buffer_action.std"] = np.array([2.0, 3.0])
    tuned_weights = finetuned(made)
    for name in made:
        if "buffer" in name:
            tuned_weights[name] = made[name]
    base = write_policy(tmp_path / "base", made, statistics=None)
    tuned = write_policy(tmp_path / "tuned", tuned_weights, statistics=None)
    merge(base, tuned, tmp_path / "merged", 0.5, dtype="bfloat16")
    merged = read_weights(tmp_path / "merged" / WEIGHTS)
    assert np.array_equal(merged["unnormalize_outputs.buffer_action.std"], np.array([2.0, 3.0]))
    tuned_weights["unnormalize_outputs.buffer_action.std"] = np.array([2.0, 4.0])
    other = write_policy(tmp_path / "other", tuned_weights, statistics=None)
    with pytest.raises(MergeError, match="in different units"):
        merge(base, other, tmp_path / "out", 0.5)


def test_trap_running_statistics_of_batch_norm_are_copied_not_averaged(tmp_path: Path) -> None:
    made: dict[str, Array] = {
        "model.backbone.bn1.weight": np.ones(3),
        "model.backbone.bn1.running_mean": np.zeros(3),
        "model.backbone.bn1.running_var": np.ones(3),
        "model.action_head.weight": np.ones((2, 3)),
    }
    config = {"type": "act"}
    base = write_policy(tmp_path / "base", made, config=config)
    tuned = write_policy(tmp_path / "tuned", {name: values + 1 for name, values in made.items()}, config=config)
    report = merge(base, tuned, tmp_path / "merged", 0.7)
    merged = read_weights(tmp_path / "merged" / WEIGHTS)
    assert np.array_equal(merged["model.backbone.bn1.running_var"], np.ones(3))
    assert merged["model.backbone.bn1.weight"] == pytest.approx(1.7)
    assert any("2 running statistics of normalization layers differ" in warning for warning in report.warnings)


def test_trap_fp8_tensors_are_refused_by_name(tmp_path: Path) -> None:
    header = {"action.w": {"dtype": "F8_E4M3", "shape": [4], "data_offsets": [0, 4]}}
    text = json.dumps(header).encode()
    file = tmp_path / "fp8.safetensors"
    file.write_bytes(len(text).to_bytes(8, "little") + text + b"\0\0\0\0")
    with pytest.raises(MergeError, match=r"action\.w is stored as F8_E4M3, which cannot be interpolated"):
        prepare(file, file, Recipe.of(0.5))


def test_trap_only_the_named_component_changes(tmp_path: Path) -> None:
    base, tuned = write_pair(tmp_path, "BF16")
    merge(base, tuned, tmp_path / "merged", {"default": 0.0, "action": 0.5})
    p, m = (read_weights(end / WEIGHTS) for end in (base, tmp_path / "merged"))
    assert all(np.array_equal(m[name], values) for name, values in p.items() if not name.startswith("action"))
    assert not np.array_equal(m["action.layer0.weight"], p["action.layer0.weight"])
