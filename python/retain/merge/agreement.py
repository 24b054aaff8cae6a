"""What must agree besides the tensors: settings that change what weights mean, and the words behind embedding rows."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from retain.checkpoint import Checkpoint
from retain.checkpoint.checkpoint import read_json_object
from retain.errors import MergeError
from retain.merge.families import Family

_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "merges.txt")
_ABSENT = object()


def check_agreement(base: Checkpoint, finetuned: Checkpoint, family: Family | None) -> None:
    """Compare configurations and tokenizers, where both ends have them.

    Raises:
        CheckpointError: A file that is to be compared is broken.
        MergeError: They disagree in something that makes the mean of two weights meaningless.
    """
    for key in ("type", "model_type"):
        if key in base.config and key in finetuned.config and base.config[key] != finetuned.config[key]:
            raise MergeError(
                f"the base is a {base.config[key]} and the finetuned policy a {finetuned.config[key]}; "
                "only two versions of one policy can be merged"
            )
    for setting, first, second in _settings(base, finetuned, family):
        if first is not _ABSENT and second is not _ABSENT and first != second:
            file, _, key = setting.rpartition(":")
            raise MergeError(
                f"{file or 'config.json'} has {key} {_short(first)} in the base and {_short(second)} "
                "in the finetuned policy, so the same weights mean different things; "
                "finetune again with the base's setting"
            )
    if base.is_bare or finetuned.is_bare:
        return
    for name in _TOKENIZERS:
        ends = (base.directory / name, finetuned.directory / name)
        if all(end.exists() for end in ends) and _content(ends[0]) != _content(ends[1]):
            raise MergeError(
                f"{name} differs between base and finetuned, so rows of the embedding stand for different words; "
                "finetune again with the base's tokenizer"
            )


def differing_settings(base: Checkpoint, finetuned: Checkpoint) -> list[str]:
    """Keys of config.json with different values, for the report."""
    if not base.config or not finetuned.config:
        return []
    keys = dict.fromkeys((*base.config, *finetuned.config))
    return [key for key in keys if base.config.get(key) != finetuned.config.get(key)]


def _settings(base: Checkpoint, finetuned: Checkpoint, family: Family | None) -> Iterator[tuple[str, Any, Any]]:
    """What a family compares: the setting's name and its value at both ends."""
    if family is None:
        return
    for setting in family.must_agree:
        yield setting, _value(base, setting), _value(finetuned, setting)
    for setting, keys in family.must_agree_where_shared.items():
        first, second = _value(base, setting), _value(finetuned, setting)
        if not isinstance(first, dict) or not isinstance(second, dict):
            continue
        joint = "" if setting.endswith(":") else "."
        for entry in (entry for entry in first if entry in second):
            name = f"{setting}{joint}{entry}"
            if not keys or not isinstance(first[entry], dict) or not isinstance(second[entry], dict):
                yield name, first[entry], second[entry]
            else:
                for key in keys:
                    yield f"{name}.{key}", first[entry].get(key, _ABSENT), second[entry].get(key, _ABSENT)


def _value(checkpoint: Checkpoint, setting: str) -> Any:
    file, _, path = setting.rpartition(":")
    value: Any = checkpoint.config
    if file:
        if checkpoint.is_bare or not (checkpoint.directory / file).exists():
            return _ABSENT
        value = read_json_object(checkpoint.directory / file)
    for key in path.split(".") if path else ():
        if not isinstance(value, dict) or key not in value:
            return _ABSENT
        value = value[key]
    return value


def _content(path: Path) -> Any:
    data = path.read_bytes()
    if path.suffix != ".json":
        return data
    try:
        return json.loads(data)
    except ValueError:
        return data


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "…"
