"""Policies that travel: the directories that a source names, as bytes, and the source with the places they came to."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from retain.evaluate.source import Source

Files = Mapping[str, NDArray[np.uint8]]
"""Path below a directory → contents. Arrays, because Ray maps them from its store where it would copy bytes."""


def directories(source: Source) -> list[Path]:
    """The directories that a source reads when it is opened, in the order of its fields; none if it has no files."""
    return [path for value in _values(source).values() for path in _paths(value)]


def read(directory: Path) -> Files:
    """Every file below a directory, but what begins with a dot and training state."""
    found = sorted(path.relative_to(directory) for path in directory.rglob("*") if path.is_file())
    wanted = [name for name in found if name.parts[0] != "training" and not name.parts[0].startswith(".")]
    return {str(name): np.fromfile(directory / name, np.uint8) for name in wanted}


def write(files: Files, directory: Path) -> None:
    """Put files where a source will find them."""
    for name, contents in files.items():
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        contents.tofile(file)


def moved(source: Source, places: Mapping[Path, Path]) -> Source:
    """The source with each of its directories replaced by where its files are now."""
    there: dict[str, Any] = {}
    for name, value in _values(source).items():
        if isinstance(value, Path) and value in places:
            there[name] = places[value]
        elif isinstance(value, tuple) and any(one in places for one in value if isinstance(one, Path)):
            there[name] = tuple(places.get(one, one) if isinstance(one, Path) else one for one in value)
    return cast(Source, replace(cast(Any, source), **there)) if there else source


def _values(source: Source) -> dict[str, Any]:
    return {field.name: getattr(source, field.name) for field in fields(source)} if is_dataclass(source) else {}


def _paths(value: Any) -> list[Path]:
    among = value if isinstance(value, tuple) else (value,)
    return [one for one in among if isinstance(one, Path) and one.is_dir()]
