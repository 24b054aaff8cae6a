"""A new `compact` policy whose features, units and statistics come from a dataset: the start of pretraining."""

from typing import TYPE_CHECKING

import numpy as np
import torch

from retain.errors import DatasetError
from retain.finetune.chunks import read_frames, relative_rows
from retain.policy.compact.configuration import CompactConfig
from retain.policy.compact.model import CompactPolicy
from retain.policy.lerobot.document import ACTION, IMAGES, STATE
from retain.policy.normalization import Affine, Normalization
from retain.policy.spec import ActionChannel, CameraSpec, Channel, FlowSpec, PolicySpec
from retain.policy.tokenization import train_tokenizer

if TYPE_CHECKING:
    from retain.data import Dataset
    from retain.finetune.chunks import Frames

HORIZON = 16
EXECUTED_ROWS = 4
FLOW_STEPS = 8
MAX_TOKENS = 16
MAX_TRAINED_DELAY = 6


def scratch_policy(
    dataset: "Dataset", config: CompactConfig, seed: int, *, pictures: bool = True
) -> tuple[CompactPolicy, "Frames"]:
    """Build an untrained policy for a dataset.

    A channel whose recorded action takes no more than two values is a switch: absolute, held over its row, unit 1. All
    others are relative to the measured channel and interpolated linearly: lengths where the name ends in _m, openings
    and efforts without a unit where it begins with gripper, else joints [rad].

    Args:
        dataset: Gives cameras, channels, rate, statistics and the words to know.
        config: The sizes of the network.
        seed: Draws the weights.
        pictures: Whether to decode all pictures, which the statistics do not need.

    Returns:
        The policy and the dataset's frames, which had to be read for the statistics.

    Raises:
        DatasetError: The channels have no names, or a joint is commanded but not measured.
    """
    state_names, action_names = (_names(dataset, feature) for feature in (STATE, ACTION))
    actions = dataset.column(ACTION)
    switches = {name for index, name in enumerate(action_names) if len(np.unique(actions[:, index])) <= 2}
    unmeasured = [name for name in action_names if name not in switches and name not in state_names]
    if unmeasured:
        raise DatasetError(f"{dataset.path}: {unmeasured[0]} is commanded but {STATE} does not measure it")
    spec = PolicySpec(
        family="compact",
        cameras=tuple(
            CameraSpec(name.removeprefix(IMAGES), feature.shape[0], feature.shape[1])
            for name, feature in dataset.features.items()
            if name.startswith(IMAGES)
        ),
        state=tuple(Channel(name, "1" if name in switches else _unit(name)) for name in state_names),
        action=tuple(
            ActionChannel(name, "1", "absolute", "hold")
            if name in switches
            else ActionChannel(name, _unit(name), "delta", "linear")
            for name in action_names
        ),
        dt_s=1 / dataset.fps,
        horizon=HORIZON,
        n_action_steps=EXECUTED_ROWS,
        max_tokens=MAX_TOKENS,
        flow=FlowSpec(FLOW_STEPS),
        max_trained_delay=MAX_TRAINED_DELAY,
        normalization=Normalization(_identity(len(state_names)), _identity(len(action_names))),
    )
    frames = read_frames(dataset, spec, pictures=pictures)
    statistics = Normalization(Affine.from_samples(frames.state), Affine.from_samples(relative_rows(frames, spec)))
    spec = PolicySpec(**{**vars(spec), "normalization": statistics})
    tokenizer = train_tokenizer(frames.tasks, vocabulary=config.vocabulary, max_tokens=spec.max_tokens)
    torch.manual_seed(seed)
    return CompactPolicy(spec, config, tokenizer), frames


def _unit(name: str) -> str:
    if name.endswith("_m"):
        return "m"
    return "1" if name.startswith("gripper") else "rad"


def _identity(channels: int) -> Affine:
    return Affine((0.0,) * channels, (1.0,) * channels)


def _names(dataset: "Dataset", feature: str) -> tuple[str, ...]:
    if feature not in dataset.features:
        raise DatasetError(f"{dataset.path} has no {feature}; a policy needs {STATE} and {ACTION}")
    names = dataset.features[feature].names
    if names is None:
        raise DatasetError(f"{dataset.path}: the channels of {feature} have no names; add them to meta/info.json")
    return tuple(names)
