"""What must agree besides the tensors: settings that change what weights mean, and the words behind embedding rows."""

import json
from pathlib import Path
from typing import Any

from retain.checkpoint import Checkpoint
from retain.errors import MergeError
from retain.merge.families import Family

_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "merges.txt")


def check_agreement(base: Checkpoint, finetuned: Checkpoint, family: Family | None) -> None:
    """Compare configurations and tokenizers, where both ends have them.

    Raises:
        MergeError: They disagree in something that makes the mean of two weights meaningless.
    """
    if "type" in base.config and "type" in finetuned.config and base.config["type"] != finetuned.config["type"]:
        raise MergeError(
            f"the base is a {base.config['type']} and the finetuned policy a {finetuned.config['type']}; "
            "only two versions of one policy can be merged"
        )
    keys = family.must_agree if family else ()
    for key in keys:
        if key in base.config and key in finetuned.config and base.config[key] != finetuned.config[key]:
            raise MergeError(
                f"config.json has {key} {_short(base.config[key])} in the base and {_short(finetuned.config[key])} "
                "in the finetuned policy, so the same weights mean different things; "
                "finetune again with the base's setting"
            )
    for name in _TOKENIZERS:
        ends = (base.directory / name, finetuned.directory / name)
        if base.kind == "file" or finetuned.kind == "file" or not all(end.exists() for end in ends):
            continue
        if _content(ends[0]) != _content(ends[1]):
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
