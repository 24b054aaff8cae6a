"""Other statistics at the finetuned end: what blind merging does to actions, and that folding is exact."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from retain.checkpoint import open_checkpoint
from retain.errors import MergeError
from retain.merge import detect_family
from retain.merge.normalization import check_normalization
from torch import nn

from .lerobot_directory import STATISTICS_OF, TYPES, normalize, unnormalize, write_lerobot
from .policies import write_weights

STATE, ENVIRONMENT, ACTION = "observation.state", "observation.environment_state", "action"
MODES = sorted(STATISTICS_OF)


class Regressor(nn.Module):
    """As ACT's: state and environment in, a nonlinear trunk, actions out by a linear head; and the VAE's inputs."""

    def __init__(self, channels: int = 3, width: int = 8) -> None:
        super().__init__()
        self.encoder_robot_state_input_proj = nn.Linear(channels, width)
        self.encoder_env_state_input_proj = nn.Linear(channels, width)
        self.encoder = nn.ModuleDict({"layers": nn.ModuleList([nn.Linear(width, width)])})
        self.action_head = nn.Linear(width, channels)
        self.vae_encoder_robot_state_input_proj = nn.Linear(channels, width)
        self.vae_encoder_action_input_proj = nn.Linear(channels, width)
        self.vae_encoder_latent_output_proj = nn.Linear(width, 2)

    def forward(self, state: torch.Tensor, environment: torch.Tensor) -> torch.Tensor:
        tokens = self.encoder_robot_state_input_proj(state) + self.encoder_env_state_input_proj(environment)
        return self.action_head(torch.tanh(self.encoder["layers"][0](torch.tanh(tokens))))

    def latent(self, state: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        tokens = self.vae_encoder_robot_state_input_proj(state) + self.vae_encoder_action_input_proj(action)
        return self.vae_encoder_latent_output_proj(torch.tanh(tokens))


def regressor(seed: int) -> Regressor:
    torch.manual_seed(seed)
    return Regressor().double()


def weights_of(network: nn.Module) -> dict[str, np.ndarray]:
    return {f"model.{name}": tensor.numpy() for name, tensor in network.state_dict().items()}


Units = dict[str, tuple[np.ndarray, np.ndarray]]  # feature → low, high


def write(directory: Path, network: nn.Module, units: Units, mode: str, dtype: str = "F64") -> Path:
    low, high = STATISTICS_OF[mode]
    statistics = {}
    for feature, (first, second) in units.items():
        statistics.update({f"{feature}.{low}": first, f"{feature}.{high}": second})
    modes = {TYPES[feature]: mode for feature in units}
    return write_lerobot(directory, weights_of(network), kind="act", statistics=statistics, modes=modes, dtype=dtype)


def act(network: Regressor, units: Units, mode: str, state: np.ndarray, environment: np.ndarray) -> np.ndarray:
    """What the robot does: normalized in, actions out in physical units."""
    with torch.no_grad():
        normalized = network(
            torch.from_numpy(normalize(mode, state, *units[STATE])),
            torch.from_numpy(normalize(mode, environment, *units[ENVIRONMENT])),
        )
    return unnormalize(mode, normalized.numpy(), *units[ACTION])


def encode(network: Regressor, units: Units, mode: str, state: np.ndarray, action: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        latent = network.latent(
            torch.from_numpy(normalize(mode, state, *units[STATE])),
            torch.from_numpy(normalize(mode, action, *units[ACTION])),
        )
    return np.asarray(latent.numpy())


def folded(base: Path, finetuned: Path) -> dict[str, np.ndarray]:
    """The finetuned end's weights, rewritten for the base's statistics."""
    first, second = open_checkpoint(base), open_checkpoint(finetuned)
    check = check_normalization(first, second, detect_family(first.config, first.tensors), fold=True)
    assert check.status == "folded"
    return {name: np.frombuffer(new.data, "<f8").reshape(new.shape) for name, new in check.replacements.items()}


def load(weights: dict[str, np.ndarray]) -> Regressor:
    network = Regressor().double()
    tensors = {name.removeprefix("model."): torch.tensor(value) for name, value in weights.items()}
    network.load_state_dict(tensors)
    return network


def units(rng: np.random.Generator, mode: str, size: float = 1.0) -> Units:
    made = {}
    for feature in (STATE, ENVIRONMENT, ACTION):
        low = rng.normal(size=3)
        made[feature] = (low, rng.uniform(0.2, 3.0, 3) * size + (0 if mode == "MEAN_STD" else low))
    return made


def test_blind_merging_makes_actions_half_again_as_large_and_folding_keeps_them(tmp_path: Path) -> None:
    # Both ends do exactly the same. The finetuned end was trained with half the standard deviation, so its head says
    # twice the number for the same action.
    base = regressor(0)
    here = {STATE: (np.zeros(3), np.ones(3)), ENVIRONMENT: (np.zeros(3), np.ones(3)),
            ACTION: (np.zeros(3), np.array([0.4, 1.0, 3.0]))}  # fmt: skip
    there = {**here, ACTION: (np.zeros(3), here[ACTION][1] / 2)}
    finetuned = load(weights_of(base))
    with torch.no_grad():
        finetuned.action_head.weight.mul_(2)
        finetuned.action_head.bias.mul_(2)
    rng = np.random.default_rng(0)
    state, environment = rng.normal(size=(50, 3)), rng.normal(size=(50, 3))
    truth = act(base, here, "MEAN_STD", state, environment)
    np.testing.assert_allclose(act(finetuned, there, "MEAN_STD", state, environment), truth, rtol=1e-12)

    def halfway(other: dict[str, np.ndarray]) -> Regressor:
        ours = weights_of(base)
        return load(
            {name: torch.lerp(torch.tensor(ours[name]), torch.tensor(other[name]), 0.5).numpy() for name in ours}
        )

    blind = halfway(weights_of(finetuned))
    np.testing.assert_allclose(act(blind, here, "MEAN_STD", state, environment), 1.5 * truth, rtol=1e-12)
    averaged = {**here, ACTION: (np.zeros(3), 0.75 * here[ACTION][1])}
    np.testing.assert_allclose(act(blind, averaged, "MEAN_STD", state, environment), 1.125 * truth, rtol=1e-12)

    rewritten = folded(
        write(tmp_path / "base", base, here, "MEAN_STD"), write(tmp_path / "finetuned", finetuned, there, "MEAN_STD")
    )
    ours = halfway({**weights_of(finetuned), **rewritten})
    np.testing.assert_allclose(act(ours, here, "MEAN_STD", state, environment), truth, rtol=1e-12)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("alpha", [0.25, 0.8])
def test_where_only_the_head_differs_merging_averages_the_actions_themselves(
    tmp_path: Path, mode: str, alpha: float
) -> None:
    rng = np.random.default_rng(7)
    here, there = units(rng, mode), units(rng, mode)
    there = {**there, STATE: here[STATE], ENVIRONMENT: here[ENVIRONMENT]}
    base, finetuned = regressor(1), regressor(1)
    with torch.no_grad():
        finetuned.action_head.weight.add_(torch.randn(3, 8, dtype=torch.float64))
    state, environment = rng.normal(size=(20, 3)), rng.normal(size=(20, 3))
    rewritten = folded(
        write(tmp_path / "base", base, here, mode), write(tmp_path / "finetuned", finetuned, there, mode)
    )
    ends = weights_of(base), {**weights_of(finetuned), **rewritten}
    merged = load({name: (1 - alpha) * ends[0][name] + alpha * ends[1][name] for name in ends[0]})
    mean = (1 - alpha) * act(base, here, mode, state, environment) + alpha * act(
        finetuned, there, mode, state, environment
    )
    np.testing.assert_allclose(act(merged, here, mode, state, environment), mean, rtol=1e-9, atol=1e-12)


numbers = st.floats(-100.0, 100.0)
spreads = st.floats(1e-3, 100.0)


@st.composite
def some_units(draw: Any, mode: str) -> Units:
    made = {}
    for feature in (STATE, ENVIRONMENT, ACTION):
        low = np.array(draw(st.lists(numbers, min_size=3, max_size=3)))
        spread = np.array(draw(st.lists(spreads, min_size=3, max_size=3)))
        made[feature] = (low, spread if mode == "MEAN_STD" else low + spread)
    return made


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_the_folded_policy_with_the_bases_statistics_is_the_finetuned_policy_with_its_own(
    tmp_path_factory: pytest.TempPathFactory, mode: str, data: st.DataObject
) -> None:
    here, there = data.draw(some_units(mode)), data.draw(some_units(mode))
    assume(all(np.abs(here[name][0] - there[name][0]).max() > 1e-3 for name in here))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    finetuned = regressor(2)
    directory = tmp_path_factory.mktemp("fold")
    base, other = write(directory / "base", regressor(3), here, mode), write(directory / "ft", finetuned, there, mode)
    rewritten = load({**weights_of(finetuned), **folded(base, other)})
    # Observations and actions where the finetuned end was trained.
    state, environment, action = (
        unnormalize(mode, rng.uniform(-1, 1, (10, 3)), *there[feature]) for feature in (STATE, ENVIRONMENT, ACTION)
    )
    got = act(rewritten, here, mode, state, environment)
    expected = act(finetuned, there, mode, state, environment)
    # In normalized units of the finetuned end, but no finer than float64 writes down its statistics.
    unit = np.abs(there[ACTION][1]) + np.abs(there[ACTION][0]) + np.abs(here[ACTION][0])
    assert np.max(np.abs(got - expected) / unit) < 1e-9
    latent = encode(rewritten, here, mode, state, action) - encode(finetuned, there, mode, state, action)
    assert np.max(np.abs(latent)) < 1e-9


@pytest.mark.parametrize("mode", MODES)
def test_a_channel_that_never_moved_is_folded_by_lerobots_rule(tmp_path: Path, mode: str) -> None:
    here, there = units(np.random.default_rng(5), mode), units(np.random.default_rng(6), mode)
    # Channel 1 of the state stood still in the base's data, channel 2 of the action in the finetuning data.
    here[STATE][1][1] = 0.0 if mode == "MEAN_STD" else here[STATE][0][1]
    there[ACTION][1][2] = 0.0 if mode == "MEAN_STD" else there[ACTION][0][2]
    finetuned = regressor(4)
    base, other = write(tmp_path / "base", regressor(5), here, mode), write(tmp_path / "ft", finetuned, there, mode)
    rewritten = load({**weights_of(finetuned), **folded(base, other)})
    state, environment = there[STATE][0] + 0.1, there[ENVIRONMENT][0] + 0.1
    np.testing.assert_allclose(
        act(rewritten, here, mode, state, environment), act(finetuned, there, mode, state, environment), rtol=1e-7
    )


def test_what_the_bases_statistics_cannot_express_is_refused(tmp_path: Path) -> None:
    here, there = units(np.random.default_rng(5), "MEAN_STD"), units(np.random.default_rng(6), "MEAN_STD")
    here[ACTION][1][2] = 0.0
    base = write(tmp_path / "base", regressor(0), here, "MEAN_STD")
    finetuned = write(tmp_path / "finetuned", regressor(1), there, "MEAN_STD")
    with pytest.raises(MergeError, match=r"action\[2\] cannot move in the base's units.*--stats base"):
        folded(base, finetuned)


def test_a_channel_that_is_the_same_constant_at_both_ends_stays_as_it_is(tmp_path: Path) -> None:
    here, there = units(np.random.default_rng(5), "MEAN_STD"), units(np.random.default_rng(6), "MEAN_STD")
    for end in (here, there):
        end[ACTION][0][2], end[ACTION][1][2] = 0.25, 0.0
    finetuned = regressor(1)
    base = write(tmp_path / "base", regressor(0), here, "MEAN_STD")
    new = folded(base, write(tmp_path / "finetuned", finetuned, there, "MEAN_STD"))
    head = finetuned.action_head.weight.detach().numpy()
    assert np.array_equal(new["model.action_head.weight"][2], head[2])
    assert not np.array_equal(new["model.action_head.weight"][1], head[1])


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
def test_layers_of_any_float_dtype_are_read_exactly(tmp_path: Path, dtype: str) -> None:
    here, there = units(np.random.default_rng(1), "MEAN_STD"), units(np.random.default_rng(2), "MEAN_STD")
    network = regressor(0)
    with torch.no_grad():
        for parameter in network.parameters():  # values that every dtype holds exactly
            parameter.copy_(torch.round(parameter * 64) / 64)
    exact = folded(write(tmp_path / "b", network, here, "MEAN_STD"), write(tmp_path / "f", network, there, "MEAN_STD"))
    base = write(tmp_path / "base", network, here, "MEAN_STD", dtype)
    stored = folded(base, write(tmp_path / "finetuned", network, there, "MEAN_STD", dtype))
    assert exact.keys() == stored.keys()
    for name, values in exact.items():
        # The statistics themselves are float32 here.
        np.testing.assert_allclose(stored[name], values, rtol=1e-5, atol=1e-6)


def test_an_adapter_is_folded_as_the_policy_it_stands_for(tmp_path: Path) -> None:
    here, there = units(np.random.default_rng(1), "MEAN_STD"), units(np.random.default_rng(2), "MEAN_STD")
    rng = np.random.default_rng(3)
    network, whole = regressor(0), regressor(0)
    a, b, state = rng.normal(size=(2, 8)), rng.normal(size=(3, 2)), rng.normal(size=(8, 3))
    with torch.no_grad():
        whole.action_head.weight.add_(torch.tensor(8 / 2 * b @ a))
        whole.encoder_robot_state_input_proj.weight.copy_(torch.tensor(state))
    base = write(tmp_path / "base", network, here, "MEAN_STD")
    adapter = write(tmp_path / "adapter", network, there, "MEAN_STD")
    (adapter / "model.safetensors").unlink()
    trained = {
        "model.action_head.lora_A.weight": a, "model.action_head.lora_B.weight": b,
        "model.encoder_robot_state_input_proj.weight": state,
        "model.encoder_robot_state_input_proj.bias": network.encoder_robot_state_input_proj.bias.detach().numpy(),
    }  # fmt: skip
    write_weights(
        adapter / "adapter_model.safetensors",
        {f"base_model.model.{name}": value for name, value in trained.items()},
        "F64",
    )
    settings = {"peft_type": "LORA", "r": 2, "lora_alpha": 8, "modules_to_save": ["encoder_robot_state_input_proj"]}
    (adapter / "adapter_config.json").write_text(json.dumps(settings))
    expected = folded(base, write(tmp_path / "whole", whole, there, "MEAN_STD"))
    found = folded(base, adapter)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-12, atol=1e-15, err_msg=name)


def test_only_the_layers_of_what_differs_are_rewritten(tmp_path: Path) -> None:
    here = units(np.random.default_rng(1), "MIN_MAX")
    there = {**here, STATE: units(np.random.default_rng(2), "MIN_MAX")[STATE]}
    rewritten = folded(
        write(tmp_path / "base", regressor(0), here, "MIN_MAX"), write(tmp_path / "ft", regressor(1), there, "MIN_MAX")
    )
    assert sorted(rewritten) == [
        "model.encoder_robot_state_input_proj.bias",
        "model.encoder_robot_state_input_proj.weight",
        "model.vae_encoder_robot_state_input_proj.bias",
        "model.vae_encoder_robot_state_input_proj.weight",
    ]


def test_a_padded_input_keeps_the_columns_that_are_never_used(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    weights = {"model.state_proj.weight": rng.normal(size=(4, 32)), "model.state_proj.bias": rng.normal(size=4)}
    here, there = ({"observation.state.mean": rng.normal(size=6), "observation.state.std": rng.uniform(1, 2, 6)}
                   for _ in range(2))  # fmt: skip
    ends = [
        write_lerobot(tmp_path / name, weights, kind="smolvla", statistics=statistics, dtype="F64",
                      modes={"STATE": "MEAN_STD", "VISUAL": "IDENTITY"})
        for name, statistics in (("base", here), ("finetuned", there))
    ]  # fmt: skip
    new = folded(*ends)
    w, b = new["model.state_proj.weight"], new["model.state_proj.bias"]
    assert np.array_equal(w[:, 6:], weights["model.state_proj.weight"][:, 6:])
    state = rng.normal(size=6)
    padded = [
        np.concatenate(
            [normalize("MEAN_STD", state, u["observation.state.mean"], u["observation.state.std"]), np.zeros(26)]
        )
        for u in (here, there)
    ]
    expected = weights["model.state_proj.weight"] @ padded[1] + weights["model.state_proj.bias"]
    np.testing.assert_allclose(w @ padded[0] + b, expected, rtol=1e-12)
