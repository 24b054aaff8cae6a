"""Policies that travel: the directories that a source names, as bytes, and the source with the places they came to."""

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, cast

from retain.evaluate.source import Source

Files = Mapping[str, bytes]
"""Path below a directory → contents."""


def directories(source: Source) -> list[Path]:
    """The directories that a source reads when it is opened, in the order of its fields; none if it has no files."""
    return [path for value in _values(source).values() for path in _paths(value)]


def read(directory: Path) -> Files:
    """Every file below a directory, but what begins with a dot and training state."""
    found = sorted(path.relative_to(directory) for path in directory.rglob("*") if path.is_file())
    wanted = [name for name in found if name.parts[0] != "training" and not name.parts[0].startswith(".")]
    return {str(name): (directory / name).read_bytes() for name in wanted}


def settled(source: Source, arrived: Mapping[Path, Files], folder: Path) -> Source:
    """The source with its directories written below a folder, each once, under a name that its contents decide."""
    places = {origin: _write(files, folder) for origin, files in arrived.items()}
    moved: dict[str, Any] = {}
    for name, value in _values(source).items():
        if isinstance(value, Path) and value in places:
            moved[name] = places[value]
        elif isinstance(value, tuple) and _paths(value):
            moved[name] = tuple(places.get(one, one) for one in value)
    return cast(Source, replace(cast(Any, source), **moved)) if moved else source


def _values(source: Source) -> dict[str, Any]:
    return {field.name: getattr(source, field.name) for field in fields(source)} if is_dataclass(source) else {}


def _paths(value: Any) -> list[Path]:
    among = value if isinstance(value, tuple) else (value,)
    return [one for one in among if isinstance(one, Path) and one.is_dir()]


def _write(files: Files, folder: Path) -> Path:
    digest = hashlib.sha256()
    for name, contents in files.items():
        digest.update(name.encode() + b"\0" + hashlib.sha256(contents).digest())
    place = folder / digest.hexdigest()[:16]
    if not place.exists():
        for name, contents in files.items():
            file = place / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(contents)
    return place
