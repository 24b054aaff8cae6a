"""The files beside the weights: configuration, processors, tokenizer, statistics. They travel byte for byte."""

import json
import os
import re
import shutil
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from retain.errors import CheckpointError

LEFT_BEHIND = frozenset(
    {
        "merge_report.json",  # tells how the source was made, not its copy
        "skills.json",  # likewise
        "training",  # retain finetune's own log, copies on the way and state to resume from
        "optimizer.pt",  # training state: larger than the weights and wrong for any others
        "metadata.pt",
        "optimizer.bin",
        "scheduler.pt",
        "scaler.pt",
        "training_args.bin",
        "training_state",
        "trainer_state.json",
        "wandb",
    }
)
"""Names of files and folders that describe a training run and not the policy."""

_TRAINING = re.compile(r"rng_state.*\.pth|checkpoint-\d+|global_step\d+|pytorch_model_fsdp_\d+|optimizer_\d+")
_OTHER_WEIGHTS = re.compile(
    r"pytorch_model.*\.bin(?:\.index\.json)?|.+\.safetensors\.index\.json|.+-\d{5}-of-\d{5}\.safetensors"
    r"|tf_model.*\.h5|flax_model.*\.msgpack|adapter_config\.json|adapter_model\..+|lora_adapter"
)
"""The same weights, or other ones, in another form: beside merged weights they would be taken for those."""


def is_left_behind(name: str) -> bool:
    """Whether a file or folder of this name belongs to a training run and not to the policy."""
    return name in LEFT_BEHIND or bool(_TRAINING.fullmatch(name))


def find_sidecars(directory: Path, weights: Collection[str]) -> tuple[Path, ...]:
    """Everything in a policy directory that is neither weights nor training state nor hidden.

    Args:
        directory: The policy directory.
        weights: Names of the weight files and their index.

    Returns:
        Paths relative to `directory`, sorted. Links to files count (the Hugging Face cache is made of them); links to
        directories are not followed.
    """
    return tuple(sorted(_walk(directory, Path(), weights)))


def _walk(directory: Path, below: Path, weights: Collection[str]) -> Iterator[Path]:
    for entry in os.scandir(directory / below):
        if entry.name.startswith(".") or is_left_behind(entry.name):
            continue
        if below == Path() and (entry.name in weights or _OTHER_WEIGHTS.fullmatch(entry.name)):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(directory, below / entry.name, weights)
        elif _is_file(entry):
            yield below / entry.name


def _is_file(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link that leads nowhere, or to itself
        return False


def copy_sidecars(source: Path, files: Iterable[Path], target: Path) -> None:
    """Copy files byte for byte, keeping their places below the directory.

    One word is changed, in LeRobot's config.json of a policy finetuned by an adapter: `use_peft` becomes false, because
    the copy lies beside full weights and LeRobot would look for the adapter.

    Args:
        source: The policy directory they are in.
        files: Relative paths, from find_sidecars.
        target: An existing directory.

    Raises:
        CheckpointError: One cannot be read or written.
    """
    try:
        for file in files:
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / file, target / file)
            before = (target / file).read_bytes() if file == Path("config.json") else b""
            if (settled := as_copied(file, before)) != before:
                (target / file).write_bytes(settled)
    except OSError as error:
        raise CheckpointError(f"cannot copy the files beside {source}'s weights to {target}: {error}") from error


def as_copied(file: Path, content: bytes) -> bytes:
    """What `copy_sidecars` leaves of a file.

    Args:
        file: Its path relative to the policy directory.
        content: What is in it there.
    """
    if file != Path("config.json"):
        return content
    try:
        settings = json.loads(content)
    except ValueError:
        return content  # whatever it is, it stays what it was
    if isinstance(settings, dict) and settings.get("use_peft") is True:
        return json.dumps({**settings, "use_peft": False}, indent=4).encode()
    return content
