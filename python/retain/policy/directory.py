"""Policies to directories and back: strict when reading, all or nothing when writing."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from retain.checkpoint import find_sidecars
from retain.errors import PolicyError
from retain.policy import lerobot
from retain.policy.base import Policy
from retain.policy.configuration_file import read_configuration, write_configuration
from retain.policy.families import build
from retain.policy.locate import resolve
from retain.policy.tokenization import read_tokenizer

WEIGHTS = "model.safetensors"
TOKENIZER = "tokenizer.json"
NOT_OF_THE_POLICY = frozenset({"manifest.json", "golden.safetensors", "merge_report.json", "train_config.json"})
"""What lies beside a policy in a bundle, after a merge, or in LeRobot's checkpoints."""


def load_policy(policy: str | Path, device: str | torch.device = "cpu") -> Policy:
    """Build the network that a directory describes and fill it with the directory's weights, in float32, in eval mode.

    Args:
        policy: `compact-base`, or the path of a policy directory: retain's own, or LeRobot's after `retain adopt`.
        device: Where the weights go.

    Raises:
        PolicyError: A file is missing, or a tensor is missing, left over, of another shape or not finite; the message
            names it. Nothing is ever left at its random initialization.
        MissingExtraError: The library of its backbone is not installed.
    """
    directory = resolve(policy)
    spec, sizes = read_configuration(directory)
    tokenizer = read_tokenizer(directory / TOKENIZER, spec.max_tokens) if spec.max_tokens else None
    network = build(directory, spec, sizes, tokenizer)
    _fill(network, directory / WEIGHTS)
    network.sidecars = _sidecars(directory) if spec.family in lerobot.FAMILIES else {}
    return network.to(device).eval()


def save_policy(policy: Policy, path: Path, *, force: bool = False, dtype: torch.dtype = torch.float32) -> None:
    """Write a policy directory: retain's own, or LeRobot's for a family of LeRobot's.

    A policy that was read from LeRobot's files keeps them as they are. For one that never had any they are made, as
    LeRobot's files after `retain adopt`.

    A new directory appears complete or not at all. In an existing one (`force`) config.json goes first and comes last,
    so that a run killed half way leaves something that is not a policy, never a mixture of two.

    Args:
        policy: What to write.
        path: The directory.
        force: Replace the policy files in a directory that exists; other files in it stay.
        dtype: What the weights are stored as.

    Raises:
        PolicyError: The directory exists and `force` is not given, or LeRobot's files cannot say how its cameras are
            normalized or its instructions read.
    """
    if path.exists() and not force:
        raise PolicyError(f"{path} exists; give another name or --force")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.parent / f".{path.name}.partial-{os.getpid()}"
    partial.mkdir()
    try:
        tensors = {name: tensor.to("cpu", dtype).contiguous() for name, tensor in policy.state_dict().items()}
        save_file(tensors, partial / WEIGHTS, metadata={"format": "pt"})
        _write_small_files(policy, partial)
        for file in partial.iterdir():
            with file.open("rb") as stream:
                os.fsync(stream.fileno())
        if path.exists():
            _move_into(partial, path)
        else:
            partial.rename(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_small_files(policy: Policy, directory: Path) -> None:
    spec, files = policy.spec, policy.sidecars
    if not files:
        if spec.max_tokens:
            policy.tokenizer.save(str(directory / TOKENIZER))
        if spec.family in lerobot.FAMILIES:
            files = lerobot.fresh_files(spec, policy.architecture(), policy.image_statistics)
        else:
            write_configuration(directory, spec, dict(policy.architecture()))
    for name, content in files.items():
        (directory / name).write_bytes(content)


def _move_into(partial: Path, path: Path) -> None:
    (path / "config.json").unlink(missing_ok=True)
    for file in sorted(partial.iterdir(), key=lambda file: file.name == "config.json"):
        file.replace(path / file.name)


@torch.no_grad()
def _fill(network: Policy, path: Path) -> None:
    """One tensor after the other, so that no more than the network itself is in memory."""
    expected = network.state_dict()
    try:
        with safe_open(path, framework="pt") as file:
            sources = _sources(path, network, set(file.keys()), file.metadata() or {})
            for name, parameter in expected.items():
                tensor = file.get_tensor(sources[name])
                if tensor.shape != parameter.shape:
                    raise PolicyError(f"{path}: {name} is {list(tensor.shape)}, expected {list(parameter.shape)}")
                if not bool(torch.isfinite(tensor).all()):
                    raise PolicyError(f"{path}: {name} holds values that are not finite")
                parameter.copy_(tensor)
    except OSError as error:
        raise PolicyError(f"cannot read {path} ({error.strerror or error}); copy the whole policy directory") from error
    except SafetensorError as error:
        raise PolicyError(f"{path} is not a complete safetensors file ({error}); copy it again") from error


def _sources(path: Path, network: Policy, found: set[str], metadata: Mapping[str, str]) -> dict[str, str]:
    """Where each tensor is read: under its name, or, left out, under that of the one that it is tied to."""
    sources = {}
    for name in network.state_dict():
        candidates = (name, metadata.get(name), network.tied.get(name))
        source = next((candidate for candidate in candidates if candidate in found), None)
        if source is None:
            raise PolicyError(f"{path} lacks {name}, which config.json's architecture has")
        sources[name] = source
    for name in found - set(sources.values()):
        raise PolicyError(f"{path} has {name}, which config.json's architecture does not have")
    return sources


def _sidecars(directory: Path) -> dict[str, bytes]:
    """LeRobot's own small files, to be handed on as they are: retain writes no processor of another's making."""
    return {
        str(file): (directory / file).read_bytes()
        for file in find_sidecars(directory, {WEIGHTS})
        if file.parent == Path() and file.suffix in {".json", ".safetensors"} and file.name not in NOT_OF_THE_POLICY
    }
