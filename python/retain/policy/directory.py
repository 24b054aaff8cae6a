"""Policies to directories and back: strict when reading, all or nothing when writing."""

import os
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from retain.errors import PolicyError
from retain.policy.base import Policy
from retain.policy.compact.configuration import CompactConfig
from retain.policy.compact.model import CompactPolicy
from retain.policy.configuration_file import read_configuration, write_configuration
from retain.policy.locate import resolve
from retain.policy.spec import PolicySpec
from retain.policy.tokenization import read_tokenizer

WEIGHTS = "model.safetensors"
TOKENIZER = "tokenizer.json"


def load_policy(policy: str | Path, device: str | torch.device = "cpu") -> Policy:
    """Build the network that a directory describes and fill it with the directory's weights, in float32, in eval mode.

    Args:
        policy: `compact-base`, or the path of a policy directory.
        device: Where the weights go.

    Raises:
        PolicyError: A file is missing, or a tensor is missing, left over, of another shape or not finite; the message
            names it. Nothing is ever left at its random initialization.
    """
    directory = resolve(policy)
    spec, architecture = read_configuration(directory)
    network = _build(directory, spec, architecture)
    path = directory / WEIGHTS
    try:
        tensors = load_file(path)
    except OSError as error:
        raise PolicyError(f"{path} is missing; copy the whole policy directory") from error
    except SafetensorError as error:
        raise PolicyError(f"{path} is not a complete safetensors file ({error}); copy it again") from error
    _check_tensors(path, network.state_dict(), tensors)
    network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()}, strict=True)
    return network.to(device).eval()


def save_policy(policy: Policy, path: Path, *, force: bool = False, dtype: torch.dtype = torch.float32) -> None:
    """Write a policy directory.

    A new directory appears complete or not at all. In an existing one (`force`) config.json goes first and comes last,
    so that a run killed half way leaves something that is not a policy, never a mixture of two.

    Args:
        policy: What to write.
        path: The directory.
        force: Replace the policy files in a directory that exists; other files in it stay.
        dtype: What the weights are stored as.

    Raises:
        PolicyError: The directory exists and `force` is not given.
    """
    if path.exists() and not force:
        raise PolicyError(f"{path} exists; give another name or --force")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.parent / f".{path.name}.partial-{os.getpid()}"
    partial.mkdir()
    try:
        tensors = {name: tensor.to("cpu", dtype).contiguous() for name, tensor in policy.state_dict().items()}
        save_file(tensors, partial / WEIGHTS, metadata={"format": "pt"})
        policy.tokenizer.save(str(partial / TOKENIZER))
        write_configuration(partial, policy.spec, dict(policy.architecture()))
        for file in partial.iterdir():
            with file.open("rb") as stream:
                os.fsync(stream.fileno())
        if path.exists():
            _move_into(partial, path)
        else:
            partial.rename(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _move_into(partial: Path, path: Path) -> None:
    (path / "config.json").unlink(missing_ok=True)
    for file in sorted(partial.iterdir(), key=lambda file: file.name == "config.json"):
        file.replace(path / file.name)


def _build(directory: Path, spec: PolicySpec, architecture: dict[str, Any]) -> Policy:
    if spec.family != "compact":
        raise PolicyError(f"{directory} holds a policy of the type {spec.family}; retain runs only compact itself")
    try:
        config = CompactConfig(**architecture)
    except TypeError as error:
        raise PolicyError(f"{directory / 'config.json'}: architecture: {error}") from error
    tokenizer = read_tokenizer(directory / TOKENIZER, spec.max_tokens)
    return CompactPolicy(spec, config, tokenizer)


def _check_tensors(path: Path, expected: dict[str, torch.Tensor], found: dict[str, torch.Tensor]) -> None:
    for name in expected.keys() - found.keys():
        raise PolicyError(f"{path} lacks {name}, which config.json's architecture has")
    for name in found.keys() - expected.keys():
        raise PolicyError(f"{path} has {name}, which config.json's architecture does not have")
    for name, tensor in found.items():
        if tensor.shape != expected[name].shape:
            raise PolicyError(f"{path}: {name} is {list(tensor.shape)}, expected {list(expected[name].shape)}")
        if not bool(torch.isfinite(tensor).all()):
            raise PolicyError(f"{path}: {name} holds values that are not finite")
