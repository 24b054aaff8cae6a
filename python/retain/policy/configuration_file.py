"""The JSON files and statistics of retain's own policies, in LeRobot's layout (0.4 and later). No torch here.

- config.json: features, chunk, names, units, modes, sizes
- policy_preprocessor.json: to_batch, relative_actions, normalizer, whose statistics are in
  policy_preprocessor_step_2_normalizer_processor.safetensors (observation.state.{mean,std}, action.{mean,std})
- policy_postprocessor.json: unnormalizer, absolute_actions, the same statistics in
  policy_postprocessor_step_0_unnormalizer_processor.safetensors
"""

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from retain.errors import PolicyError
from retain.policy import lerobot
from retain.policy.lerobot.document import ACTION, IMAGES, STATE
from retain.policy.normalization import Affine, Normalization
from retain.policy.spec import ActionChannel, CameraSpec, Channel, FlowSpec, Interpolation, Mode, PolicySpec

NORMALIZER_STATE = "policy_preprocessor_step_2_normalizer_processor.safetensors"
UNNORMALIZER_STATE = "policy_postprocessor_step_0_unnormalizer_processor.safetensors"


class Feature(BaseModel):
    """LeRobot's PolicyFeature; images are (3, H, W)."""

    type: Literal["VISUAL", "STATE", "ACTION"]
    shape: tuple[int, ...]


class ConfigurationFile(BaseModel):
    """`config.json`. The names that LeRobot has are LeRobot's; channels, units and modes are ours."""

    model_config = ConfigDict(extra="forbid")

    type: str
    n_obs_steps: Literal[1] = 1
    input_features: dict[str, Feature]
    output_features: dict[str, Feature]
    normalization_mapping: dict[str, Literal["IDENTITY", "MEAN_STD"]]
    chunk_size: int
    n_action_steps: int
    num_inference_steps: int | None
    dt_s: float
    max_tokens: int
    max_trained_delay: int
    state_names: list[str]
    state_units: list[str]
    action_feature_names: list[str]
    action_units: list[str]
    action_modes: list[Mode]
    action_interpolation: list[Interpolation]
    architecture: dict[str, Any]


def write_configuration(directory: Path, spec: PolicySpec, architecture: dict[str, Any]) -> None:
    """Write config.json, both processors and their statistics into an existing directory."""
    images = {
        IMAGES + camera.role: Feature(type="VISUAL", shape=(3, camera.height, camera.width)) for camera in spec.cameras
    }
    mapping: dict[str, Literal["IDENTITY", "MEAN_STD"]]
    mapping = {"VISUAL": "IDENTITY", "STATE": "MEAN_STD", "ACTION": "MEAN_STD"}
    inputs = {**images, STATE: Feature(type="STATE", shape=(len(spec.state),))}
    outputs = {ACTION: Feature(type="ACTION", shape=(len(spec.action),))}
    document = ConfigurationFile(
        type=spec.family,
        input_features=inputs,
        output_features=outputs,
        normalization_mapping=mapping,
        chunk_size=spec.horizon,
        n_action_steps=spec.n_action_steps,
        num_inference_steps=None if spec.flow is None else spec.flow.steps,
        dt_s=spec.dt_s,
        max_tokens=spec.max_tokens,
        max_trained_delay=spec.max_trained_delay,
        state_names=[channel.name for channel in spec.state],
        state_units=[channel.unit for channel in spec.state],
        action_feature_names=[channel.name for channel in spec.action],
        action_units=[channel.unit for channel in spec.action],
        action_modes=[channel.mode for channel in spec.action],
        action_interpolation=[channel.interpolation for channel in spec.action],
        architecture=architecture,
    )
    relative = {
        "enabled": any(channel.mode == "delta" for channel in spec.action),
        "exclude_joints": [channel.name for channel in spec.action if channel.mode == "absolute"],
        "action_names": [channel.name for channel in spec.action],
    }
    features = {name: feature.model_dump(mode="json") for name, feature in {**inputs, **outputs}.items()}
    norm = {"eps": 1e-8, "features": features, "norm_map": mapping}
    preprocessor = [
        {"registry_name": "to_batch_processor", "config": {}},
        {"registry_name": "relative_actions_processor", "config": relative},
        {"registry_name": "normalizer_processor", "config": norm, "state_file": NORMALIZER_STATE},
    ]
    postprocessor = [
        {"registry_name": "unnormalizer_processor", "config": norm, "state_file": UNNORMALIZER_STATE},
        {"registry_name": "absolute_actions_processor", "config": {"enabled": relative["enabled"]}},
    ]
    statistics = save(
        {
            f"{feature}.{name}": np.array(values, dtype=np.float32)
            for feature, affine in ((STATE, spec.normalization.state), (ACTION, spec.normalization.action))
            for name, values in (("mean", affine.offset), ("std", affine.scale))
        }
    )
    for name, steps, state_file in (
        ("policy_preprocessor", preprocessor, NORMALIZER_STATE),
        ("policy_postprocessor", postprocessor, UNNORMALIZER_STATE),
    ):
        _write_json(directory / f"{name}.json", {"name": name, "steps": steps})
        (directory / state_file).write_bytes(statistics)
    _write_json(directory / "config.json", document.model_dump(mode="json"))


def read_configuration(directory: Path) -> tuple[PolicySpec, dict[str, Any]]:
    """Read what `write_configuration` wrote, or what LeRobot wrote and `retain adopt` completed.

    Returns:
        The spec and the sizes of the network.

    Raises:
        PolicyError: A file is missing or malformed, or the two processors' statistics differ.
    """
    path = directory / "config.json"
    found = _read_json(path)
    if isinstance(found, dict) and lerobot.is_lerobot(found):
        return lerobot.read_spec(directory, found), lerobot.sizes_of(directory, found)
    try:
        document = ConfigurationFile.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise PolicyError(f"{path}: {where}: {first['msg']}; expected a config.json of retain or LeRobot") from error
    before = _statistics(directory, "policy_preprocessor", "normalizer_processor")
    after = _statistics(directory, "policy_postprocessor", "unnormalizer_processor")
    if before.action != after.action:
        raise PolicyError(f"{directory}: the normalizer and the unnormalizer hold different statistics of the action")
    try:
        state = tuple(
            Channel(name, unit) for name, unit in zip(document.state_names, document.state_units, strict=True)
        )
        action = tuple(
            ActionChannel(*channel)
            for channel in zip(
                document.action_feature_names,
                document.action_units,
                document.action_modes,
                document.action_interpolation,
                strict=True,
            )
        )
    except ValueError as error:
        raise PolicyError(f"{path}: names, units and modes of the channels have different lengths") from error
    cameras = tuple(
        CameraSpec(name.removeprefix(IMAGES), feature.shape[1], feature.shape[2])
        for name, feature in document.input_features.items()
        if feature.type == "VISUAL"
    )
    spec = PolicySpec(
        family=document.type,
        cameras=cameras,
        state=state,
        action=action,
        dt_s=document.dt_s,
        horizon=document.chunk_size,
        n_action_steps=document.n_action_steps,
        max_tokens=document.max_tokens,
        flow=None if document.num_inference_steps is None else FlowSpec(document.num_inference_steps),
        max_trained_delay=document.max_trained_delay,
        normalization=before,
    )
    return spec, document.architecture


def _statistics(directory: Path, processor: str, step: str) -> Normalization:
    path = directory / f"{processor}.json"
    document = _read_json(path)
    try:
        names = [entry["state_file"] for entry in document["steps"] if entry["registry_name"] == step]
    except (KeyError, TypeError) as error:
        raise PolicyError(f"{path} is not a LeRobot processor: {error}") from error
    if len(names) != 1:
        raise PolicyError(f"{path} has {len(names)} steps {step}, expected one")
    file = directory / Path(names[0]).name
    try:
        tensors = load_file(file)
        affine = [
            Affine(
                tuple(float(value) for value in tensors[f"{feature}.mean"]),
                tuple(float(value) for value in tensors[f"{feature}.std"]),
            )
            for feature in (STATE, ACTION)
        ]
    except OSError as error:
        raise PolicyError(f"cannot read {file} ({error.strerror or error}); copy the whole policy directory") from error
    except (KeyError, SafetensorError) as error:
        raise PolicyError(f"{file} does not hold the statistics of {STATE} and {ACTION}: {error}") from error
    return Normalization(state=affine[0], action=affine[1])


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PolicyError(f"cannot read {path} ({error.strerror}); a policy directory has it") from error
    except ValueError as error:
        raise PolicyError(f"{path} is not JSON ({error}); copy it again") from error


def _write_json(path: Path, document: object) -> None:
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
