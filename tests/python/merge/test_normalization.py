"""Which differences in normalization count, and what is said of them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from retain.checkpoint import open_checkpoint
from retain.errors import CheckpointError, MergeError
from retain.merge import detect_family
from retain.merge.normalization import NormalizationCheck, check_normalization

from .lerobot_directory import NORMALIZER, UNNORMALIZER, write_lerobot
from .policies import Weights, write_weights

MEAN_STD = {"ACTION": "MEAN_STD", "STATE": "MEAN_STD", "VISUAL": "IDENTITY"}
STATISTICS: dict[str, np.ndarray] = {
    "action.mean": np.array([0.1, -0.2]), "action.std": np.array([1.0, 2.0]), "action.q01": np.array([-3.0, -3.0]),
    "action.q99": np.array([3.0, 3.0]), "action.min": np.array([-4.0, -4.0]), "action.max": np.array([4.0, 4.0]),
    "action.count": np.array([100.0]),
    "observation.state.mean": np.array([0.5, 0.0]), "observation.state.std": np.array([1.0, 1.0]),
    "observation.state.q01": np.array([-2.0, -2.0]), "observation.state.q99": np.array([2.0, 2.0]),
    "observation.images.top.mean": np.full(3, 0.5), "observation.images.top.std": np.full(3, 0.25),
    "timestamp.mean": np.array([4.0]), "timestamp.std": np.array([1.0]),
}  # fmt: skip
LINEAR = {"weight": np.eye(2), "bias": np.zeros(2)}
ACT = {f"model.{layer}.{part}": value for layer in (
    "encoder_robot_state_input_proj", "vae_encoder_robot_state_input_proj", "vae_encoder_action_input_proj",
    "action_head") for part, value in LINEAR.items()}  # fmt: skip
OTHER = {"model.state_proj.weight": np.eye(2), "model.state_proj.bias": np.zeros(2)}


def write(
    directory: Path, kind: str = "act", modes: dict[str, str] = MEAN_STD, *,
    config: dict[str, Any] | None = None, epsilon: float = 1e-8, **changed: np.ndarray | None,
) -> Path:  # fmt: skip
    """A policy whose statistics differ in what is given, `__` for a dot; None leaves one out."""
    statistics: Weights = {
        name: value
        for name, value in {**STATISTICS, **{name.replace("__", "."): value for name, value in changed.items()}}.items()
        if value is not None
    }
    weights = ACT if kind == "act" else OTHER
    return write_lerobot(
        directory, weights, kind=kind, statistics=statistics, modes=modes, config=config, epsilon=epsilon
    )


def check(base: Path, finetuned: Path, *, fold: bool = True) -> NormalizationCheck:
    first, second = open_checkpoint(base), open_checkpoint(finetuned)
    return check_normalization(first, second, detect_family(first.config, first.tensors), fold=fold)


def test_statistics_that_no_mode_uses_do_not_count_but_are_reported(tmp_path: Path) -> None:
    base = write(tmp_path / "base")
    other = write(
        tmp_path / "finetuned", action__q01=np.zeros(2), action__max=np.ones(2), action__count=np.array([7.0]),
        observation__images__top__mean=np.zeros(3), timestamp__mean=np.array([9.0]), observation__state__q99=None,
    )  # fmt: skip
    found = check(base, other)
    assert (found.status, found.statistics) == ("equal", 4)
    assert found.unused == (
        "action.max", "action.q01", "observation.images.top.mean", "observation.state.q99", "timestamp.mean",
    )  # fmt: skip
    assert found.to_json()["unused_but_different"] == list(found.unused)


def test_a_difference_that_floats_make_in_text_is_none(tmp_path: Path) -> None:
    base = write(tmp_path / "base")
    finetuned = write(tmp_path / "finetuned", action__mean=STATISTICS["action.mean"] + 1e-8)
    assert check(base, finetuned).status == "equal"


def test_folding_is_reported_with_what_was_rewritten(tmp_path: Path) -> None:
    base = write(tmp_path / "base")
    found = check(base, write(tmp_path / "finetuned", action__std=np.array([1.0, 1.0])))
    assert found.status == "folded"
    assert sorted(found.replacements) == [
        "model.action_head.bias", "model.action_head.weight",
        "model.vae_encoder_action_input_proj.bias", "model.vae_encoder_action_input_proj.weight",
    ]  # fmt: skip
    assert found.folded["action"]["mode"] == "MEAN_STD"
    assert found.folded["action"]["scales"] == pytest.approx([1.0, 2.0])
    assert sorted(found.to_json()["folded"]["action"]["tensors"]) == sorted(found.replacements)
    assert json.dumps(found.to_json())


def test_without_leave_to_fold_the_refusal_says_that_it_could_be(tmp_path: Path) -> None:
    base, other = write(tmp_path / "base"), write(tmp_path / "finetuned", action__std=np.array([1.0, 1.0]))
    with pytest.raises(
        MergeError, match=r"differ in 1 of 4 .*action\.std\[1\]: 2 against 1.*leave out --no-fold.*--stats base"
    ):
        check(base, other, fold=False)


@pytest.mark.parametrize(
    ("kind", "feature", "reason"),
    [
        ("smolvla", "action", "noise that has unit variance in normalized units"),
        ("pi0", "action", "noise that has unit variance in normalized units"),
        ("pi05", "observation.state", "reads the normalized state as text"),
        ("pi0_fast", "action", "tokens that stand for normalized numbers"),
        ("pi0_fast", "observation.state", "reads the normalized state as text"),
        ("diffusion", "action", r"clips to \[-1, 1\]"),
        ("diffusion", "observation.state", "passes a nonlinearity"),
        ("compact", "observation.state", "not known which layers read and write observation.state"),
        ("unheard-of", "action", "not known which layers read and write action"),
    ],
)
def test_what_cannot_be_folded_is_refused_with_the_reason_and_the_mend(
    tmp_path: Path, kind: str, feature: str, reason: str
) -> None:
    base = write(tmp_path / "base", kind)
    other = write(tmp_path / "finetuned", kind, **{f"{feature.replace('.', '__')}__mean": np.array([5.0, 0.0])})
    with pytest.raises(MergeError, match=f"cannot be folded into the weights, because .*{reason}.*--stats base"):
        check(base, other)


@pytest.mark.parametrize("kind", ["smolvla", "pi0"])
def test_the_state_of_a_flow_policy_is_folded(tmp_path: Path, kind: str) -> None:
    base = write(tmp_path / "base", kind)
    found = check(base, write(tmp_path / "finetuned", kind, observation__state__mean=np.array([5.0, 0.0])))
    assert sorted(found.replacements) == ["model.state_proj.bias", "model.state_proj.weight"]


def test_a_bent_state_is_not_folded(tmp_path: Path) -> None:
    aloha = {"adapt_to_pi_aloha": True}
    base = write(tmp_path / "base", "smolvla", config=aloha)
    other = write(tmp_path / "finetuned", "smolvla", config=aloha, observation__state__mean=np.array([5.0, 0.0]))
    with pytest.raises(MergeError, match="bent for ALOHA's gripper"):
        check(base, other)


def test_pictures_in_other_units_are_refused(tmp_path: Path) -> None:
    modes = {**MEAN_STD, "VISUAL": "MEAN_STD"}
    base = write(tmp_path / "base", modes=modes)
    other = write(tmp_path / "finetuned", modes=modes, observation__images__top__mean=np.full(3, 0.4))
    with pytest.raises(MergeError, match=r"convolutions pad observation\.images\.top with zeros"):
        check(base, other)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"modes": {**MEAN_STD, "ACTION": "MIN_MAX"}}, "normalizes action by MEAN_STD .* finetuned policy by MIN_MAX"),
        ({"epsilon": 1e-6}, "with epsilon 1e-08 and the finetuned policy by .* with epsilon 1e-06"),
        ({"action__mean": np.zeros(3), "action__std": np.ones(3)}, "over 2 channels .* over 3 channels"),
        ({"modes": {"ACTION": "MEAN_STD"}}, r"only the base normalizes observation\.state"),
        ({"observation__state__mean": np.array([np.inf, 0.0])}, "statistics that are not finite"),
    ],
)
def test_units_that_have_no_common_measure_are_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    base = write(tmp_path / "base")
    with pytest.raises(MergeError, match=message):
        check(base, write(tmp_path / "finetuned", **changes))


def test_a_broken_normalizer_is_named(tmp_path: Path) -> None:
    base = write(tmp_path / "base")
    with pytest.raises(CheckpointError, match=r"normalizes by MEAN_STD but has no statistic action\.std"):
        check(base, write(tmp_path / "without", action__std=None))
    with pytest.raises(CheckpointError, match="normalizes action by MAGIC, which is not known here"):
        check(base, write(tmp_path / "magic", modes={"ACTION": "MAGIC"}))
    torn = write(tmp_path / "torn")
    pipeline = json.loads((torn / "policy_postprocessor.json").read_text())
    pipeline["steps"][0]["config"]["norm_map"]["ACTION"] = "MIN_MAX"
    (torn / "policy_postprocessor.json").write_text(json.dumps(pipeline))
    with pytest.raises(CheckpointError, match="normalizes action differently before and after the network"):
        check(base, torn)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"eps": "small"}, "a normalizer whose eps is 'small'; expected a number"),
        ({"features": {"action": "ACTION"}}, "a normalizer whose feature action has no type"),
        ({"norm_map": {"ACTION": ["MEAN_STD"]}}, "which is not known here"),
    ],
)
def test_a_malformed_normalizer_is_refused(tmp_path: Path, config: dict[str, Any], message: str) -> None:
    base, torn = write(tmp_path / "base"), write(tmp_path / "torn")
    pipeline = json.loads((torn / "policy_preprocessor.json").read_text())
    pipeline["steps"][3]["config"].update(config)
    (torn / "policy_preprocessor.json").write_text(json.dumps(pipeline))
    with pytest.raises((CheckpointError, MergeError), match=message):
        check(base, torn)


def test_observations_that_the_normalizer_leaves_out_do_not_count(tmp_path: Path) -> None:
    def only_images(directory: Path) -> Path:
        pipeline = json.loads((directory / "policy_preprocessor.json").read_text())
        pipeline["steps"][3]["config"]["normalize_observation_keys"] = ["observation.images.top"]
        (directory / "policy_preprocessor.json").write_text(json.dumps(pipeline))
        return directory

    base = only_images(write(tmp_path / "base"))
    other = only_images(write(tmp_path / "finetuned", observation__state__mean=np.array([5.0, 0.0])))
    assert (found := check(base, other)).status == "equal"
    assert found.unused == ("observation.state.mean",)


def test_weights_that_grow_beyond_measure_are_noted(tmp_path: Path) -> None:
    base = write(tmp_path / "base")
    found = check(base, write(tmp_path / "finetuned", observation__state__std=np.array([1.0, 1e-5])))
    assert found.status == "folded"
    assert "observation.state[1] hardly moves in the finetuned end's data" in found.notes[0]
    assert found.to_json()["notes"] == list(found.notes)


def test_a_layer_that_is_missing_is_named(tmp_path: Path) -> None:
    base = write(tmp_path / "base")
    other = write(tmp_path / "finetuned", action__mean=np.array([5.0, 0.0]))
    lacking = {name: value for name, value in ACT.items() if not name.startswith("model.vae")}
    write_weights(base / "model.safetensors", lacking)
    with pytest.raises(MergeError, match=r"the base has no tensor model\.vae_encoder_action_input_proj\.weight"):
        check(base, other)
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "use_vae": False}))
    assert sorted(check(base, other).replacements) == ["model.action_head.bias", "model.action_head.weight"]


def openpi(directory: Path, **assets: list[float]) -> Path:
    directory.mkdir()
    write_weights(directory / "model.safetensors", {"paligemma_with_expert.paligemma.lm_head.weight": np.zeros((2, 2))})
    for asset, mean in assets.items():
        folder = directory / "assets" / asset
        folder.mkdir(parents=True)
        stats = {"mean": mean, "std": [1.0, 1.0], "q01": [-1.0, -1.0], "q99": [1.0, 1.0]}
        (folder / "norm_stats.json").write_text(json.dumps({"norm_stats": {"state": stats, "actions": stats}}))
    return directory


def test_assets_that_both_ends_have_are_compared_whatever_else_there_is(tmp_path: Path) -> None:
    base = openpi(tmp_path / "base", droid=[0.0, 1.0], trossen=[5.0, 5.0])
    same = check(base, openpi(tmp_path / "same", droid=[0.0, 1.0], mine=[2.0, 2.0]))
    assert (same.status, same.statistics) == ("equal", 8)
    assert same.notes == ("the statistics of mine are the finetuned policy's alone and were not compared",)
    with pytest.raises(MergeError, match=r"differ in 2 of 8 .*droid\.(?:actions|state)\.mean.*--stats base"):
        check(base, openpi(tmp_path / "other", droid=[0.0, 2.0]))


def test_a_single_asset_is_compared_under_any_name(tmp_path: Path) -> None:
    base = openpi(tmp_path / "base", droid=[0.0, 1.0])
    assert check(base, openpi(tmp_path / "same", mine=[0.0, 1.0])).status == "equal"
    with pytest.raises(MergeError, match=r"differ in 2 of 8 normalization statistics"):
        check(base, openpi(tmp_path / "other", mine=[0.0, 2.0]))


def test_statistics_of_different_robots_leave_it_open(tmp_path: Path) -> None:
    base = openpi(tmp_path / "base", droid=[0.0, 1.0], trossen=[5.0, 5.0])
    found = check(base, openpi(tmp_path / "finetuned", mine=[0.0, 1.0]))
    assert (found.status, found.statistics) == ("unknown", 0)
    assert "droid, trossen in the base, mine in the other" in found.notes[0]


def openvla(directory: Path, config: dict[str, list[float]], file: dict[str, list[float]] | None = None) -> Path:
    def by_set(sets: dict[str, list[float]]) -> dict[str, Any]:
        return {name: {"action": {"q01": q, "q99": [1.0, 1.0], "mask": [True, False]}, "num_transitions": len(name)}
                for name, q in sets.items()}  # fmt: skip

    directory.mkdir()
    write_weights(directory / "model.safetensors", {"projector.fc1.weight": np.zeros((2, 2))})
    (directory / "config.json").write_text(json.dumps({"model_type": "openvla", "norm_stats": by_set(config)}))
    if file is not None:
        (directory / "dataset_statistics.json").write_text(json.dumps(by_set(file)))
    return directory


def test_openvlas_data_sets_are_compared_one_by_one(tmp_path: Path) -> None:
    oxe = {"bridge_orig": [0.0, -1.0], "fractal": [0.5, 0.5]}
    base = openvla(tmp_path / "base", oxe)
    assert check(base, openvla(tmp_path / "same", oxe, {"bridge_orig": [0.0, -1.0]})).status == "equal"
    found = check(base, openvla(tmp_path / "libero", oxe, {"libero_spatial": [-0.7, -0.8]}))
    assert found.status == "unknown"
    assert "bridge_orig, fractal in the base, libero_spatial in the other" in found.notes[0]
    with pytest.raises(MergeError, match=r"bridge_orig\.action\.q01\[1\]: -1 against -0.5"):
        check(base, openvla(tmp_path / "other", oxe, {"bridge_orig": [0.0, -0.5]}))


def test_groots_statistics_in_lerobots_steps_are_read(tmp_path: Path) -> None:
    def groot(directory: Path, high: float) -> Path:
        write_lerobot(
            directory, {"_groot_model.action_head.vlln.bias": np.zeros(2)}, kind="groot", statistics={}, modes={}
        )
        state = "policy_preprocessor_step_2_groot_pack_inputs_v3.safetensors"
        write_weights(directory / state, {"action.min": np.zeros(2), "action.max": np.array([1.0, high])})
        step = {"registry_name": "groot_pack_inputs_v3", "config": {"embodiment_tag": "gr1"}, "state_file": state}
        (directory / "policy_preprocessor.json").write_text(json.dumps({"name": "pre", "steps": [step]}))
        for file in (NORMALIZER, UNNORMALIZER, "policy_postprocessor.json"):
            (directory / file).unlink()
        return directory

    base = groot(tmp_path / "base", 1.0)
    assert check(base, groot(tmp_path / "same", 1.0)).status == "equal"
    with pytest.raises(MergeError, match=r"action\.max\[1\]: 1 against 2"):
        check(base, groot(tmp_path / "other", 2.0))
