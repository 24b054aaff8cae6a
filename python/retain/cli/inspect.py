"""`retain inspect`: what a path holds, on one screen."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retain.cli import console
from retain.errors import DatasetError

if TYPE_CHECKING:
    from retain.finetune.compatibility import ChannelFit
    from retain.merge.anatomy import Anatomy
    from retain.merge.stored_twice import StoredTwice

_LISTED = 6  # features of many robots
_POSITIONS = {
    "plain": "plain",
    "shifted": "shifted by one, as in transformers 4.55 to 4.57",
    "unknown": "plain, or shifted by one if trained with LeRobot 0.4; tell retain adopt --vision-positions",
}

NAME = "inspect"
HELP = "Show what a policy, checkpoint, dataset, bundle or crash dump holds."
EXAMPLES = """examples:
  retain inspect compact-base
  retain inspect outputs/train/checkpoints/last
  retain inspect openvla-oft/action_head--50000_checkpoint.pt --allow-pickle
  retain inspect demos --json
  retain inspect demos --policy compact-base
  retain inspect demos --policy smolvla --rename front=top
  retain inspect demos --every-frame"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "path",
        metavar="PATH",
        help="policy or adapter directory, weight file, dataset, bundle, crash dump, or compact-base",
    )
    parser.add_argument(
        "--allow-pickle", action="store_true", help="also read .pt and .bin files, through torch's restricted unpickler"
    )
    parser.add_argument(
        "--policy", metavar="BASE", help="of a dataset: compare it with what this policy was trained on"
    )
    parser.add_argument(
        "--rename",
        action="append",
        default=[],
        metavar="THEIRS=OURS",
        help="with --policy: what the dataset calls a camera or channel = what the policy calls it, as in finetune",
    )
    parser.add_argument("--every-frame", action="store_true", help="of a dataset: decode every picture, not only some")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(args: argparse.Namespace) -> int:
    """Show what is there and return the exit code: 1 if it is broken but readable."""
    from retain.policy import BASE_NAME, resolve

    path = resolve(BASE_NAME) if args.path == BASE_NAME else Path(args.path)
    if (path / "meta" / "info.json").exists():
        return _dataset(path, args)
    if args.policy or args.every_frame or args.rename:
        raise DatasetError(
            f"{path} is not a dataset (it has no meta/info.json), which --policy, --rename and --every-frame need"
        )
    if (path / "manifest.json").exists():
        return _bundle(path, as_json=args.json)
    if _is_crash_dump(path):
        return _crash_dump(path, as_json=args.json)
    return _checkpoint(path, as_json=args.json, allow_pickle=args.allow_pickle)


def _is_crash_dump(path: Path) -> bool:
    from retain.runtime.crash_dump import is_crash_dump

    return path.is_file() and is_crash_dump(path)


def _crash_dump(path: Path, *, as_json: bool) -> int:
    from retain.runtime.crash_dump import crash_facts, crash_ticks, read_crash_dump

    record = read_crash_dump(path)
    columns, rows = crash_ticks(record)
    if as_json:
        ticks = [dict(zip(columns, row, strict=True)) for row in rows]
        console.emit_json({"kind": "crash dump", "path": str(path), **dict(crash_facts(record)), "last_ticks": ticks})
    else:
        console.table("", ("what", "found"), crash_facts(record))
        console.table("the last ticks, measured → sent", columns, rows)
    return 0


def _dataset(path: Path, args: argparse.Namespace) -> int:
    from retain.data import Dataset, describe

    if args.rename and args.policy is None:
        raise DatasetError("--rename says what --policy calls a camera or channel; give --policy too")
    data = Dataset(path)
    found = describe(data, every_frame=args.every_frame)
    fits: list[ChannelFit] = []
    findings = list(found.findings)
    if args.policy is not None:
        from retain.finetune.compatibility import compare_with_base
        from retain.finetune.renames import Renames
        from retain.policy import resolve
        from retain.policy.configuration_file import read_configuration

        spec, _ = read_configuration(resolve(args.policy))
        fits, against = compare_with_base(data, spec, Renames.parse(args.rename))
        findings += against
    broken = any(finding.severity == "broken" for finding in findings)
    if args.json:
        described = {**found.as_json(), "findings": [finding.as_json() for finding in findings]}
        base = {} if args.policy is None else {"base": args.policy, "fits": [fit.as_json() for fit in fits]}
        console.emit_json({"kind": "dataset", **described, **base})
        return 1 if broken else 0
    lengths = "/".join(map(str, found.lengths))
    console.stdout.print(
        f"{path}: dataset {found.version}, {found.episodes} episodes of {lengths} frames (shortest/median/longest), "
        f"{found.frames} frames at {found.fps} Hz, robot {found.robot_type}",
        markup=False,
    )
    shapes = {name: (feature["dtype"], feature["shape"]) for name, feature in found.features.items()}
    console.table("features", ("feature", "dtype", "shape"), [(name, *shape) for name, shape in shapes.items()])
    console.table("tasks", ("frames", "task"), [(count, task) for task, count in found.tasks.items()][:20])
    if fits:
        rows = [
            (fit.channel, f"{fit.mean:.2f}", f"{fit.std:.2f}", f"{fit.largest:.1f}", f"{fit.far:.1%}") for fit in fits
        ]
        console.table(
            f"in the units of {args.policy}: its own data have mean 0 and std 1",
            ("channel", "mean", "std", "largest", "far off"),
            rows,
        )
    for finding in findings:
        console.warn(f"{finding.severity}: {finding}")
    return 1 if broken else 0


def _bundle(path: Path, *, as_json: bool) -> int:
    from retain.bundle import Bundle, describe

    bundle = Bundle.open(path)
    if as_json:
        console.emit_json({"kind": "bundle", "path": str(path), "manifest": bundle.manifest.model_dump(mode="json")})
    else:
        console.table("", ("bundle", "verified"), describe(bundle))
    return 0


def _checkpoint(path: Path, *, as_json: bool, allow_pickle: bool) -> int:
    from retain.checkpoint import open_checkpoint
    from retain.merge.anatomy import dissect
    from retain.policy.lerobot.vision_positions import vision_positions

    found = dissect(path, allow_pickle=allow_pickle)
    positions = (
        vision_positions(open_checkpoint(path, allow_pickle=allow_pickle)) if found.family == "smolvla" else None
    )
    if as_json:
        console.emit_json(found.to_json() | ({} if positions is None else {"vision_positions": positions}))
        return 0
    what = "adapter for a policy" if found.adapters else f"{found.kind} policy"
    console.stdout.print(
        f"{path}: {what} of the family {found.family}, {found.parameters:,} parameters, "
        f"{found.nbytes / 1e6:.2f} MB in {_count(len(found.files), 'file')}",
        markup=False,
    )
    rows = [
        (name, part.tensors, f"{part.parameters:,}", f"{part.nbytes / 1e6:.2f}", ", ".join(part.dtypes),
         ", ".join(map(str, part.layers)) or "-")
        for name, part in found.components.items()
        if part.tensors or not found.adapters
    ]  # fmt: skip
    if rows:
        first = "trained whole" if found.adapters else "component"
        console.table("", (first, "tensors", "parameters", "MB", "stored as", "layers"), rows)
    if found.adapters:
        _adapters(found)
    facts: list[tuple[str, Any]] = [
        *_spoken(path),
        ("normalization", _units(found)),
        ("tied, stored once", ", ".join(f"{alias} = {name}" for alias, name in found.tied.items()) or "none"),
        *(("tied, stored twice", _twice(tie)) for tie in found.stored_twice),
        ("beside the weights", ", ".join(found.sidecars) or "nothing"),
        *([] if positions is None else [("vision positions", _POSITIONS[positions])]),
        ("committed rows", "not said" if found.max_trained_delay is None else f"up to {found.max_trained_delay}"),
        ("merged from", found.merged_from or "not merged by retain"),
        *(("note", note) for note in found.notes),
    ]
    console.table("", ("what", "found"), facts)
    if found.unassigned:
        belong = "belongs" if len(found.unassigned) == 1 else "belong"
        console.warn(
            f"{_count(len(found.unassigned), 'tensor')} {belong} to no component (first: {found.unassigned[0]})"
        )
    return 0


def _spoken(path: Path) -> list[tuple[str, str]]:
    """What a policy that can be run here sees and says."""
    from retain.errors import PolicyError
    from retain.policy.configuration_file import read_configuration

    if not (path / "config.json").exists():
        return []
    try:
        spec, _ = read_configuration(path)
    except PolicyError:  # of a family that can only be merged, or not adopted yet
        return []
    delay = f"longest trained delay {spec.max_trained_delay} rows"
    rows = f"{spec.horizon} rows of {spec.dt_s:g} s, {spec.n_action_steps} executed per inference"
    return [
        ("cameras", ", ".join(f"{camera.role} {camera.width}×{camera.height}" for camera in spec.cameras) or "none"),
        ("state", ", ".join(f"{channel.name} [{channel.unit}]" for channel in spec.state)),
        ("action", ", ".join(f"{channel.name} [{channel.unit}] {channel.mode}" for channel in spec.action)),
        ("chunk", f"{rows}, {delay}"),
    ]


def _adapters(found: "Anatomy") -> None:
    rows = [
        (name, part.weights, f"{part.parameters:,}", ", ".join(map(str, part.ranks)),
         ", ".join(f"{scale:g}" for scale in part.scales), ", ".join(part.modules))
        for name, part in found.adapters.items()
    ]  # fmt: skip
    console.table("", ("adapted", "weights", "parameters", "rank", "scale", "modules"), rows)


def _units(found: "Anatomy") -> str:
    if found.statistics is None:
        return "none"
    listed = list(found.statistics.sizes.items())
    sizes = ", ".join(f"{feature} {size}" for feature, size in listed[:_LISTED])
    sizes += f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    known = f" ({sizes})" if sizes else ""
    return f"{_count(found.statistics.count, 'statistic')} in {found.statistics.source}{known}"


def _twice(tie: "StoredTwice") -> str:
    return f"{tie.name} = {tie.other}" if tie.same else f"{tie.name} and {tie.other} differ"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
