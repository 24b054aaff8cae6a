"""Names of policies to paths. No torch here."""

from pathlib import Path

from retain.errors import PolicyError

BASE_NAME = "compact-base"
"""Stands for the pretrained policy that ships in the package, wherever a policy is asked for."""


def resolve(policy: str | Path) -> Path:
    """The directory that a name or path stands for.

    Args:
        policy: `compact-base`, or a path.

    Raises:
        PolicyError: There is no such directory.
    """
    if str(policy) == BASE_NAME:
        return Path(__file__).resolve().parents[1] / "assets" / "compact_base"
    path = Path(policy)
    if not path.is_dir():
        raise PolicyError(f"{path} is not a policy directory; give a directory with config.json, or {BASE_NAME}")
    return path
