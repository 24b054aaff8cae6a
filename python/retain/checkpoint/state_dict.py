"""Which tensors among the contents of a torch file are the policy's, and what they are called."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from retain.checkpoint.json_object import shorten
from retain.errors import CheckpointError

_AVERAGED = ("ema_state_dict", "ema_model", "model_ema", "ema")
_CONTAINERS = ("state_dict", "model_state_dict", "model", "module", "policy", "network", "net")
_WRAPPERS = ("module.", "_orig_mod.")  # of DistributedDataParallel and torch.compile
_MAX_DEPTH = 8  # a pickle can hold a dictionary that holds itself
_MAX_TENSORS = 1_000_000
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_SAVE = "save its tensors with torch.save(model.state_dict(), …) or safetensors"

IsTensor = Callable[[Any], bool]


def find_state_dict(file: Path, contents: Any, is_tensor: IsTensor) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Find the tensors of the policy and strip what training tools put before their names.

    Args:
        file: For messages.
        contents: What the file holds.
        is_tensor: Tells tensors from everything else.

    Returns:
        Tensors by name, nested dictionaries joined by dots; and what was chosen, one sentence each.

    Raises:
        CheckpointError: There are none, or something is among them that is no tensor.
    """
    notes: list[str] = []
    where: list[str] = []
    while (key := _container(contents, is_tensor)) is not None and len(where) < _MAX_DEPTH:
        others = [shorten(other, 40) for other in contents if other != key]
        if others:
            left = ", ".join(others[:6]) + (f" and {len(others) - 6} more" if len(others) > 6 else "")
            averaged = " (averaged weights)" if key in _AVERAGED else ""
            notes.append(f"read the tensors in {key!r}{averaged} of {file.name}; left out {left}")
        where.append(key)
        contents = contents[key]
    if not isinstance(contents, Mapping):
        raise CheckpointError(
            f"{file} holds an object of the type {type(contents).__name__}, not tensors by name; {_SAVE}"
        )
    state: dict[str, Any] = {}
    _flatten(file, contents, "", state, is_tensor, _MAX_DEPTH)
    if not state:
        raise CheckpointError(f"{file} holds no tensors; {_SAVE}")
    for wrapper in _WRAPPERS:
        if all(name.startswith(wrapper) and name != wrapper for name in state):
            state = {name.removeprefix(wrapper): tensor for name, tensor in state.items()}
            notes.append(f"left out {wrapper!r} before every name in {file.name}")
    return state, tuple(notes)


def _container(contents: Any, is_tensor: IsTensor) -> str | None:
    """The key under which the policy's tensors are, or None where they are not nested."""
    if not isinstance(contents, Mapping) or any(is_tensor(value) for value in contents.values()):
        return None
    plain = next((key for key in _CONTAINERS if _is_nested(contents.get(key))), None)
    averaged = next((key for key in _AVERAGED if _is_nested(contents.get(key))), None)
    if averaged is not None and (plain is None or contents[averaged].keys() == contents[plain].keys()):
        return averaged
    return plain


def _is_nested(value: Any) -> bool:
    return isinstance(value, Mapping) and len(value) > 0


def _flatten(
    file: Path, contents: Mapping[Any, Any], prefix: str, state: dict[str, Any], is_tensor: IsTensor, depth: int
) -> None:
    for key, value in contents.items():
        if not isinstance(key, str) or _CONTROL.search(key):
            raise CheckpointError(f"{file} has the key {shorten(key)} where tensors have names; {_SAVE}")
        name = prefix + key
        if is_tensor(value):
            if name in state or len(state) >= _MAX_TENSORS:
                raise CheckpointError(f"{file} holds {shorten(name)} twice, or too many tensors; {_SAVE}")
            state[name] = value
        elif isinstance(value, Mapping) and depth > 1:
            _flatten(file, value, f"{name}.", state, is_tensor, depth - 1)
        else:
            raise CheckpointError(
                f"{file} holds {shorten(name)} of the type {type(value).__name__} among its tensors; {_SAVE}"
            )
