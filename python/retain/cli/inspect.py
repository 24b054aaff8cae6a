"""`retain inspect`: what a path holds, on one screen."""

import argparse
from pathlib import Path
from typing import Any

from retain.cli import console

NAME = "inspect"
HELP = "Show what a policy, checkpoint, dataset or bundle holds."
EXAMPLES = """examples:
  retain inspect compact-base
  retain inspect outputs/merged
  retain inspect demos --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "path", metavar="PATH", help="policy directory, .safetensors file, dataset, bundle, or compact-base"
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(args: argparse.Namespace) -> int:
    """Show what is there and return the exit code: 1 if it is broken but readable."""
    from retain.policy import BASE_NAME, resolve

    path = resolve(BASE_NAME) if args.path == BASE_NAME else Path(args.path)
    if (path / "meta" / "info.json").exists():
        return _dataset(path, as_json=args.json)
    if (path / "manifest.json").exists():
        return _bundle(path, as_json=args.json)
    return _checkpoint(path, as_json=args.json)


def _dataset(path: Path, *, as_json: bool) -> int:
    from retain.data import describe

    found = describe(path)
    if as_json:
        console.emit_json({"kind": "dataset", **found.as_json()})
        return 1 if found.problems else 0
    lengths = "/".join(map(str, found.lengths))
    console.stdout.print(
        f"{path}: dataset, {found.episodes} episodes of {lengths} frames (shortest/median/longest), "
        f"{found.frames} frames at {found.fps} Hz, robot {found.robot_type}",
        markup=False,
    )
    shapes = {name: (feature["dtype"], feature["shape"]) for name, feature in found.features.items()}
    console.table("features", ("feature", "dtype", "shape"), [(name, *shape) for name, shape in shapes.items()])
    console.table("tasks", ("frames", "task"), [(count, task) for task, count in found.tasks.items()][:20])
    for sentence in (*found.problems, *found.remarks):
        console.warn(sentence)
    return 1 if found.problems else 0


def _bundle(path: Path, *, as_json: bool) -> int:
    from retain.bundle import Bundle, describe

    bundle = Bundle.open(path)
    if as_json:
        console.emit_json({"kind": "bundle", "path": str(path), "manifest": bundle.manifest.model_dump(mode="json")})
    else:
        console.table("", ("bundle", "verified"), describe(bundle))
    return 0


def _checkpoint(path: Path, *, as_json: bool) -> int:
    from retain.merge.anatomy import dissect

    found = dissect(path)
    if as_json:
        console.emit_json(found.to_json())
        return 0
    megabytes = found.nbytes / 1e6
    console.stdout.print(
        f"{path}: {found.kind} policy of the family {found.family}, {found.parameters:,} parameters, "
        f"{megabytes:.2f} MB in {len(found.files)} files",
        markup=False,
    )
    rows = [
        (name, part.tensors, f"{part.parameters:,}", f"{part.nbytes / 1e6:.2f}", ", ".join(part.dtypes))
        for name, part in found.components.items()
    ]
    console.table("components", ("component", "tensors", "parameters", "MB", "stored as"), rows)
    facts: list[tuple[str, Any]] = [
        ("normalization", found.statistics or "none"),
        ("tied", ", ".join(f"{alias} = {name}" for alias, name in found.tied.items()) or "none"),
        ("beside the weights", ", ".join(found.sidecars) or "nothing"),
        ("merged from", found.merged_from or "not merged by retain"),
    ]
    console.table("", ("what", "found"), facts)
    if found.unassigned:
        console.warn(f"{len(found.unassigned)} tensors belong to no component (first: {found.unassigned[0]})")
    return 0
