"""LeRobot's config.json and processors as a specification: features, chunk, flow, tokens, units of the network.

Sources: LeRobot 0.4 to 0.6, configuration_{act,smolvla,pi0,pi05}.py and normalize_processor.py.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from retain.checkpoint import open_checkpoint, read_statistics
from retain.checkpoint.normalizer import Normalized, read_normalizer
from retain.errors import CheckpointError, PolicyError
from retain.policy.lerobot.description import Description
from retain.policy.lerobot.family import FAMILIES, Family
from retain.policy.normalization import Affine, Normalization
from retain.policy.spec import ActionChannel, CameraSpec, Channel, FlowSpec, PolicySpec

IMAGE = "observation.image"
IMAGES = "observation.images."
STATE = "observation.state"
ACTION = "action"
_EMPTY_CAMERA = ".empty_camera_"


def is_lerobot(document: Mapping[str, Any]) -> bool:
    """Whether a config.json is LeRobot's own: retain's has the network's sizes under `architecture`."""
    return "architecture" not in document and "input_features" in document


def read_spec(directory: Path, document: Mapping[str, Any]) -> PolicySpec:
    """What a LeRobot policy sees and says.

    Args:
        directory: With config.json, both processors and `retain.json`.
        document: The parsed config.json.

    Raises:
        PolicyError: The family is not one that runs here, something is missing, or the parts do not fit each other.
    """
    path = directory / "config.json"
    family = FAMILIES.get(str(document.get("type")))
    if family is None:
        raise PolicyError(
            f"{path} is of the type {document.get('type')!r}; those of LeRobot that run here are {', '.join(FAMILIES)}"
        )
    description = Description.read(directory)
    try:
        spec = _spec(directory, document, family, description)
    except (KeyError, TypeError, ValueError) as error:
        raise PolicyError(f"{path} is not LeRobot's ({type(error).__name__}: {error}); copy it again") from error
    for feature, said in ((STATE, len(spec.state)), (ACTION, len(spec.action))):
        if (size := size_of(document, feature)) != said:
            raise PolicyError(
                f"{directory}: config.json has {size} numbers in {feature} and retain.json names {said}; write"
                " retain.json again with retain adopt"
            )
    return spec


def image_statistics(directory: Path) -> dict[str, Normalized]:
    """How each camera's pictures (0 to 1) are normalized, by role; empty where the family passes them as they are.

    Raises:
        PolicyError: The processors cannot be read.
    """
    return {
        _role(feature): normalized
        for feature, normalized in _normalizer(directory).items()
        if feature.startswith(IMAGE)
    }


def check_statistics(directory: Path, document: Mapping[str, Any]) -> None:
    """Refuse what LeRobot passes as it is without a word: numbers that should be normalized and have no statistics.

    Args:
        directory: With both processors.
        document: The parsed config.json.

    Raises:
        PolicyError: State or action are such numbers, or the processors cannot be read.
    """
    modes, normalizer = document.get("normalization_mapping", {}), _normalizer(directory)
    for feature, kind in ((STATE, "STATE"), (ACTION, "ACTION")):
        if feature in normalizer or (mode := modes.get(kind, "IDENTITY")) == "IDENTITY":
            continue
        raise PolicyError(
            f"{directory} normalizes {feature} by {mode} and has no statistics of it, as bases of many robots; give it"
            f" your robot's: retain adopt {directory} --data DATASET --stats data -o OUT (or --like FINETUNED, where"
            " LeRobot finetuned it already)"
        )


def _spec(directory: Path, document: Mapping[str, Any], family: Family, description: Description) -> PolicySpec:
    normalizer = _normalizer(directory)
    check_statistics(directory, document)
    steps = None if family.flow_steps is None else int(document[family.flow_steps])
    return PolicySpec(
        family=str(document["type"]),
        cameras=tuple(
            CameraSpec(_role(name), *map(int, document["input_features"][name]["shape"][1:3]))
            for name in cameras_of(document)
        ),
        state=tuple(Channel(channel.name, channel.unit) for channel in description.state),
        action=tuple(
            ActionChannel(channel.name, channel.unit, channel.mode, channel.interpolation)
            for channel in description.action
        ),
        dt_s=description.dt_s,
        horizon=int(document["chunk_size"]),
        n_action_steps=int(document["n_action_steps"]),
        max_tokens=family.words(document, len(description.state)),
        flow=None if steps is None else FlowSpec(steps, width=int(document["max_action_dim"])),
        max_trained_delay=description.max_trained_delay,
        normalization=Normalization(
            state=_affine(normalizer.get(STATE), len(description.state)),
            action=_affine(normalizer.get(ACTION), len(description.action)),
        ),
        opening="" if family.speech is None else family.speech.opening,
        suffix="" if family.speech is None else family.speech.suffix,
    )


def _normalizer(directory: Path) -> Mapping[str, Normalized]:
    try:
        checkpoint = open_checkpoint(directory)
        statistics = read_statistics(checkpoint)
        found = None if statistics is None else read_normalizer(checkpoint, statistics)
    except CheckpointError as error:
        raise PolicyError(str(error)) from error
    if found is None:
        raise PolicyError(
            f"{directory} has no normalizer with statistics; LeRobot 0.4 and later writes policy_preprocessor.json and"
            " its state files: convert an older one with lerobot's migrate_policy_normalization.py"
        )
    return found


def _affine(normalized: Normalized | None, channels: int) -> Affine:
    """Physical = offset + scale · normalized; a feature without statistics passes unchanged."""
    if normalized is None:
        return Affine((0.0,) * channels, (1.0,) * channels)
    # LeRobot adds ε to the divisor on the way in only. Once is enough: it is below what float32 resolves, and keeps the
    # scale of a channel that never moved above 0.
    divisors = normalized.divisors()
    if normalized.mode == "MEAN_STD":
        return Affine(tuple(normalized.low), divisors)
    return Affine(
        tuple(low + divisor / 2 for low, divisor in zip(normalized.low, divisors, strict=True)),
        tuple(divisor / 2 for divisor in divisors),
    )


def _role(feature: str) -> str:
    """What a camera is for: top, of observation.images.top; image, of PushT's observation.image."""
    return feature.rpartition(".")[2]


def cameras_of(document: Mapping[str, Any]) -> list[str]:
    """The features of a policy's cameras, in its order.

    Stand-ins for cameras that a robot lacks are left out: masked in every layer, they change nothing.
    """
    return [
        name
        for name, feature in document["input_features"].items()
        if feature["type"] == "VISUAL" and _EMPTY_CAMERA not in name
    ]


def size_of(document: Mapping[str, Any], feature: str) -> int:
    """Number of channels of `observation.state` or `action`."""
    features = document["output_features"] if feature == ACTION else document["input_features"]
    return int(features[feature]["shape"][0])
