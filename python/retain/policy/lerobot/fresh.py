"""LeRobot's small files for a policy that was never LeRobot's: config.json, both pipelines, and retain.json."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from retain.checkpoint.normalizer import STATISTICS_OF, Normalized
from retain.errors import PolicyError
from retain.policy.lerobot.description import DESCRIPTION_FILE, ActionName, Description, StateName
from retain.policy.lerobot.document import ACTION, IMAGES, STATE
from retain.policy.lerobot.family import FAMILIES, TOKENS, Speech
from retain.policy.lerobot.pipelines import to_bytes, write_pipelines
from retain.policy.lerobot.sizes import VLM_FILE
from retain.policy.normalization import Affine, FloatArray
from retain.policy.spec import PolicySpec

_EPSILON = 1e-8  # LeRobot's default


def fresh_files(
    spec: PolicySpec, architecture: Mapping[str, object], image_statistics: Mapping[str, Normalized]
) -> dict[str, bytes]:
    """What LeRobot leaves beside the weights of such a policy, and what `retain adopt` adds, without the tokenizer.

    The preprocessor names the tokenizer that the family's published policies have.

    Args:
        spec: Of one of `FAMILIES`.
        architecture: The network's sizes under LeRobot's names (`Policy.architecture`).
        image_statistics: By camera role, how pictures are normalized before the network.

    Returns:
        Contents by file name.

    Raises:
        PolicyError: Instructions are opened or ended, or cameras normalized, in a way that LeRobot's files cannot say.
    """
    family = FAMILIES[spec.family]
    _check_sentence(spec, family.speech)
    sizes: dict[str, Any] = dict(architecture)
    pictures, epsilon = _of_all_cameras(image_statistics)
    images = {IMAGES + one.role: _feature("VISUAL", 3, one.height, one.width) for one in spec.cameras}
    backbone = sizes.pop("vlm_config", None)
    document: dict[str, Any] = {
        **sizes,
        "type": spec.family,
        "n_obs_steps": 1,
        "input_features": {STATE: _feature("STATE", len(spec.state)), **images},
        "output_features": {ACTION: _feature("ACTION", len(spec.action))},
        "normalization_mapping": {"VISUAL": pictures, "STATE": family.mode, "ACTION": family.mode},
        "chunk_size": spec.horizon,
        "n_action_steps": spec.n_action_steps,
    }
    if family.flow_steps is not None and spec.flow is not None:
        document[family.flow_steps] = spec.flow.steps
    if family.speech is not None:
        document[TOKENS] = spec.max_tokens + family.speech.places_beside(len(spec.state))
    statistics = {}
    for feature, affine in ((STATE, spec.normalization.state), (ACTION, spec.normalization.action)):
        for name, values in zip(STATISTICS_OF[family.mode], _low_high(affine, family.mode), strict=True):
            statistics[f"{feature}.{name}"] = values
    for role, normalized in image_statistics.items():
        for name, colours in zip(STATISTICS_OF[pictures], (normalized.low, normalized.high), strict=True):
            statistics[f"{IMAGES}{role}.{name}"] = np.array(colours, np.float32)[:, None, None]
    relative = [channel.name for channel in spec.action if channel.mode == "delta"]
    action = [channel.name for channel in spec.action]
    return {
        "config.json": to_bytes(document),
        **({} if backbone is None else {VLM_FILE: to_bytes(backbone)}),
        **write_pipelines(document, statistics, action, relative, epsilon=epsilon),
        DESCRIPTION_FILE: _description(spec).to_bytes(),
    }


def _check_sentence(spec: PolicySpec, speech: Speech | None) -> None:
    """Opening and suffix are in no file: LeRobot's preprocessor has those of the family."""
    expected = ("", "") if speech is None else (speech.opening, speech.suffix)
    if (spec.opening, spec.suffix) != expected:
        raise PolicyError(
            f"the spec puts {spec.opening!r} before an instruction and {spec.suffix!r} behind it; LeRobot's"
            f" {spec.family} puts {expected[0]!r} and {expected[1]!r}: give the spec those as opening and suffix"
        )


def _of_all_cameras(statistics: Mapping[str, Normalized]) -> tuple[str, float]:
    """Mode and ε of the normalizer; LeRobot's has one of each for all pictures, and one ε for everything."""
    ways = sorted({(normalized.mode, normalized.epsilon) for normalized in statistics.values()})
    if len(ways) > 1:
        said = ", ".join(f"{mode} with ε {epsilon:g}" for mode, epsilon in ways)
        raise PolicyError(f"the cameras are normalized by {said}; LeRobot's config.json says one way for all cameras")
    return ways[0] if ways else ("IDENTITY", _EPSILON)


def _low_high(affine: Affine, mode: str) -> tuple[FloatArray, FloatArray]:
    """The two statistics by which a mode has this offset and scale, float32 (C,) each."""
    offset, scale = np.array(affine.offset), np.array(affine.scale)
    low, high = (offset, scale) if mode == "MEAN_STD" else (offset - scale, offset + scale)
    return low.astype(np.float32), high.astype(np.float32)


def _description(spec: PolicySpec) -> Description:
    return Description(
        dt_s=spec.dt_s,
        state=tuple(StateName(name=channel.name, unit=channel.unit) for channel in spec.state),
        action=tuple(
            ActionName(name=one.name, unit=one.unit, mode=one.mode, interpolation=one.interpolation)
            for one in spec.action
        ),
        max_trained_delay=spec.max_trained_delay,
    )


def _feature(kind: str, *shape: int) -> dict[str, Any]:
    return {"type": kind, "shape": list(shape)}
