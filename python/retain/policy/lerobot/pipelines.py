"""LeRobot's two pipelines around a network, written: what happens to an observation before it, to a chunk behind it.

Sources: LeRobot 0.4 to 0.6, processor_{act,smolvla,pi0,pi05}.py. `relative_actions_processor` came with 0.6; it stands
only where an action is relative, so that older versions read all other policies.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from safetensors.numpy import save

from retain.policy.lerobot.family import FAMILIES, TOKENS
from retain.policy.normalization import FloatArray

StatisticTensors = Mapping[str, FloatArray]
"""By feature and statistic, as "action.mean": (C,) for channels, (3, 1, 1) for pictures."""

_Step = dict[str, Any]


def write_pipelines(
    document: Mapping[str, Any],
    statistics: StatisticTensors,
    action: Sequence[str],
    relative: Collection[str],
    *,
    epsilon: float,
) -> dict[str, bytes]:
    """Both pipelines and the statistics that their normalizers hold.

    Args:
        document: config.json; its type, features, normalization and length of the instruction are read.
        statistics: Those that the normalization uses.
        action: All channels of the action, in order.
        relative: Those of them that count from the measured state.
        epsilon: What keeps the divisors of the normalization from 0.

    Returns:
        Contents by file name.
    """
    norm = {"eps": epsilon, "norm_map": document["normalization_mapping"]}
    features = {**document["input_features"], **document["output_features"]}
    before = [
        _step("rename_observations_processor", rename_map={}),
        _step("to_batch_processor"),
        *_relative(action, relative),
        _step("normalizer_processor", features=features, **norm),
        *_words(document),
        _step("device_processor", device="cpu", float_dtype=None),
    ]
    after = [
        _step("unnormalizer_processor", features=document["output_features"], **norm),
        *([_step("absolute_actions_processor", enabled=True)] if relative else []),
        _step("device_processor", device="cpu", float_dtype=None),
    ]
    state, files = save(dict(statistics)), {}
    for name, steps in (("policy_preprocessor", before), ("policy_postprocessor", after)):
        for index, step in enumerate(steps):
            kind = step["registry_name"]
            if kind in ("normalizer_processor", "unnormalizer_processor"):
                step["state_file"] = f"{name}_step_{index}_{kind}.safetensors"
                files[step["state_file"]] = state
        files[f"{name}.json"] = to_bytes({"name": name, "steps": steps})
    return files


def to_bytes(document: Mapping[str, Any]) -> bytes:
    """A JSON file as LeRobot writes it."""
    return (json.dumps(document, indent=4) + "\n").encode()


def _relative(action: Sequence[str], relative: Collection[str]) -> Iterator[_Step]:
    if relative:
        excluded = [name for name in action if name not in relative]
        yield _step("relative_actions_processor", enabled=True, exclude_joints=excluded, action_names=list(action))


def _words(document: Mapping[str, Any]) -> Iterator[_Step]:
    speech = FAMILIES[document["type"]].speech
    if speech is None:
        return
    yield _step(speech.step)
    yield _step(
        "tokenizer_processor",
        max_length=document[TOKENS],
        task_key="task",
        padding_side="right",
        padding="max_length",
        truncation=True,
        tokenizer_name=speech.tokenizer,
    )


def _step(name: str, **config: Any) -> _Step:
    return {"registry_name": name, "config": config}
