"""From a specification and sizes to a network: one entry per family. Importing this file imports no torch."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retain.errors import PolicyError, require
from retain.policy.lerobot.document import image_statistics
from retain.policy.spec import PolicySpec

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from retain.policy.base import Policy

Sizes = Mapping[str, Any]
"""`architecture` of retain's config.json, or LeRobot's config.json itself."""


def build(directory: Path, spec: PolicySpec, sizes: Sizes, tokenizer: "Tokenizer | None") -> "Policy":
    """An untrained network of the family that the specification names.

    Args:
        directory: For what a family keeps in files of its own.
        spec: What it sees and says.
        sizes: How large it is.
        tokenizer: None for families that take no instruction.

    Raises:
        PolicyError: The family is not known here, or its sizes do not make a network.
        MissingExtraError: Its backbone's library is not installed.
    """
    builder = _BUILDERS.get(spec.family)
    if builder is None:
        raise PolicyError(
            f"{directory} holds a policy of the type {spec.family}; the types that run here are {', '.join(_BUILDERS)}"
        )
    try:
        return builder(directory, spec, sizes, tokenizer)
    except (KeyError, TypeError) as error:
        reason = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
        raise PolicyError(f"{directory / 'config.json'}: the {spec.family}'s sizes: {reason}") from error


def _compact(directory: Path, spec: PolicySpec, sizes: Sizes, tokenizer: "Tokenizer | None") -> "Policy":
    from retain.policy.compact.configuration import CompactConfig
    from retain.policy.compact.model import CompactPolicy

    return CompactPolicy(spec, CompactConfig(**sizes), _needed(tokenizer, directory))


def _smolvla(directory: Path, spec: PolicySpec, sizes: Sizes, tokenizer: "Tokenizer | None") -> "Policy":
    require("transformers", extra="vla")
    from retain.policy.smolvla import SmolVLAConfig, SmolVLAPolicy

    return SmolVLAPolicy(spec, SmolVLAConfig.from_lerobot(sizes), _needed(tokenizer, directory))


def _pi0(directory: Path, spec: PolicySpec, sizes: Sizes, tokenizer: "Tokenizer | None") -> "Policy":
    require("transformers", extra="vla")
    from retain.policy.pi0 import Pi0Config, Pi0Policy, Pi05Policy

    kind = Pi0Policy if spec.family == "pi0" else Pi05Policy
    return kind(spec, Pi0Config.from_lerobot(sizes), _needed(tokenizer, directory))


def _act(directory: Path, spec: PolicySpec, sizes: Sizes, tokenizer: "Tokenizer | None") -> "Policy":
    from retain.policy.act import ACTConfig, ACTPolicy

    return ACTPolicy(spec, ACTConfig.from_lerobot(sizes), image_statistics(directory))


def _needed(tokenizer: "Tokenizer | None", directory: Path) -> "Tokenizer":
    if tokenizer is None:
        raise PolicyError(f"{directory} reads instructions but has no tokenizer")
    return tokenizer


_BUILDERS: Mapping[str, Callable[[Path, PolicySpec, Sizes, "Tokenizer | None"], "Policy"]] = {
    "compact": _compact,
    "smolvla": _smolvla,
    "pi0": _pi0,
    "pi05": _pi0,
    "act": _act,
}
