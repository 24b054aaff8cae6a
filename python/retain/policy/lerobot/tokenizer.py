"""Where the tokenizer of a LeRobot policy is: its directory only names it, and the Hub would be asked for it."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from retain.checkpoint import read_json_object
from retain.errors import CheckpointError, PolicyError

TOKENIZER_FILE = "tokenizer.json"
_STEP = "tokenizer_processor"


def find_tokenizer(directory: Path, given: Path | None) -> Path:
    """The tokenizer.json to put beside a policy.

    Looked for, in this order: what the user gave (the file, or a directory that holds it), the policy's directory, a
    local directory that the policy names, the Hugging Face cache of this machine. Nothing is downloaded.

    Raises:
        PolicyError: It is in none of them; the message has the name of the repository that has it.
    """
    name = tokenizer_name(directory)
    for place in _places(directory, given, name):
        file = place / TOKENIZER_FILE if place.is_dir() else place
        if file.is_file():
            return file
        if place == given:
            raise PolicyError(f"{given} is neither a tokenizer.json nor a directory that holds one")
    raise PolicyError(
        f"{directory} reads its instructions with the tokenizer of {name or 'a model that it does not name'}, which is"
        f" not on this machine; fetch it once (hf download {name or 'MODEL'} {TOKENIZER_FILE}), or give its file"
        " with --tokenizer"
    )


def tokenizer_name(directory: Path) -> str | None:
    """The model whose tokenizer the preprocessor names, as in "google/paligemma-3b-pt-224".

    Raises:
        PolicyError: The preprocessor cannot be read.
    """
    path = directory / "policy_preprocessor.json"
    try:
        steps = read_json_object(path).get("steps", [])
    except CheckpointError as error:
        raise PolicyError(str(error)) from error
    configs: list[Mapping[str, Any]] = [step.get("config", {}) for step in steps if step.get("registry_name") == _STEP]
    return None if not configs else configs[0].get("tokenizer_name")


def _places(directory: Path, given: Path | None, name: str | None) -> Iterator[Path]:
    if given is not None:
        yield given
    yield directory
    if name is None:
        return
    yield Path(name)
    home = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface"))
    hub = Path(os.environ.get("HF_HUB_CACHE", home / "hub"))
    yield from sorted((hub / f"models--{name.replace('/', '--')}" / "snapshots").glob("*"), reverse=True)
