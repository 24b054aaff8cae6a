"""Complete a LeRobot policy by what it does not say of itself, so that it can be finetuned, exported and driven."""

import fnmatch
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retain.checkpoint import atomic_directory, copy_file, copy_sidecars, open_checkpoint, read_json_object
from retain.checkpoint.trained_delay import LEROBOTS
from retain.errors import CheckpointError, PolicyError
from retain.policy.lerobot.description import ActionName, Description, StateName
from retain.policy.lerobot.document import ACTION, STATE, check_statistics, is_lerobot, read_spec, size_of
from retain.policy.lerobot.family import FAMILIES
from retain.policy.lerobot.openpi import WEIGHTS as OPENPI_WEIGHTS
from retain.policy.lerobot.openpi import Rig, is_openpi, write_as_lerobot
from retain.policy.lerobot.robot import Robot, for_robot
from retain.policy.lerobot.tokenizer import TOKENIZER_FILE, find_tokenizer
from retain.policy.lerobot.vision_positions import VisionPositions, say_vision_positions
from retain.policy.spec import PolicySpec
from retain.policy.units import PLAIN, SI, is_known

UNITS = (*PLAIN, *SI)
"""What a channel may be in, or a multiple of one of the first, as "0.02 rad"; the export converts what is not SI."""


@dataclass(frozen=True)
class Naming:
    """What the data of a policy is like.

    Attributes:
        fps: Frames per second, one action row each.
        state: Names of the numbers of observation.state, in order.
        action: Names of the numbers of action, in order.
    """

    fps: float
    state: tuple[str, ...]
    action: tuple[str, ...]


def opens_openpi(policy: Path) -> bool:
    """Whether a directory is a checkpoint of openpi's.

    Raises:
        PolicyError: It has no config.json that can be read.
    """
    return is_openpi(_document(policy))


def adopt(
    policy: Path,
    output: Path,
    naming: Naming,
    units: Sequence[tuple[str, str]],
    *,
    robot: Robot | None = None,
    like: Path | None = None,
    hold: Sequence[str] = (),
    tokenizer: Path | None = None,
    max_trained_delay: int | None = None,
    positions: VisionPositions | None = None,
    force: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> PolicySpec:
    """Copy a LeRobot policy and put `retain.json` and its tokenizer beside it; LeRobot reads the copy as before.

    Args:
        policy: LeRobot's directory.
        output: The copy. Weights share their blocks with the original where the file system can.
        naming: From the dataset that it was trained on.
        units: (pattern, unit), as ("*", "deg"), ("gripper*", "percent"): of the patterns that match a name the last
            counts.
        robot: Whose cameras, and for a base of many robots whose statistics, the copy is to have.
        like: For a base of many robots that LeRobot finetuned already: the finetuned policy, from which everything but
            the weights is taken.
        hold: Patterns of switches, which take a row's value at once instead of moving to it.
        tokenizer: Its file, where it is not found by the name that the policy gives.
        max_trained_delay: Rows, where it was trained to go on from a running chunk; None is what config.json says
            (`rtc_training_max_delay` of a π0.5 that LeRobot trained so), else 0.
        positions: Which positions its vision tower was trained with (SmolVLA); None: as its files say, else plain.
        force: Replace an existing policy directory.
        progress: Told the number of bytes just copied.

    Returns:
        What the policy sees and says.

    Raises:
        PolicyError: The policy is not LeRobot's or of a family that does not run here, a number has no name or unit, a
            pattern matches nothing, the tokenizer is not found, or there are no such positions.
        CheckpointError: A file cannot be read or written.
    """
    described = policy if like is None else like
    document = _document(described)
    if is_openpi(document):
        raise PolicyError(f"{policy} is openpi's and does not say what cameras the robot has; name them with --cameras")
    if not is_lerobot(document) or document.get("type") not in FAMILIES:
        raise PolicyError(
            f"{policy} is not a LeRobot policy of the types {', '.join(FAMILIES)} (found {document.get('type')!r});"
            " only those can be adopted"
        )
    if like is not None and (own := _document(policy).get("type")) != document["type"]:
        raise PolicyError(f"{policy} is a {own} and {like} a {document['type']}, which cannot be finetuned from it")
    changed: dict[str, bytes] = {}
    if robot is not None:
        _check_absolute(described, robot)
        names = [file.name for file in open_checkpoint(described).sidecars if file.parent == Path()]
        files = {name: (described / name).read_bytes() for name in names}
        changed = for_robot(files, robot)
        document = json.loads(changed["config.json"])
    if robot is None or robot.statistics is None:
        check_statistics(described, document)
    description = describe(described, document, naming, units, hold, max_trained_delay)
    words = find_tokenizer(described, tokenizer) if FAMILIES[document["type"]].speech is not None else None
    checkpoint, beside = open_checkpoint(policy), open_checkpoint(described)
    with atomic_directory(output, force=force, needed_bytes=checkpoint.nbytes) as partial:
        copy_sidecars(beside.directory, beside.sidecars, partial)
        for name, content in changed.items():
            (partial / name).write_bytes(content)
        for header in checkpoint.headers:
            copy_file(header.file, partial / header.file.name)
            progress(header.file.stat().st_size)
        description.write(partial)
        if positions is not None:
            say_vision_positions(partial, document, positions)
        if words is not None and words.resolve() != (described / TOKENIZER_FILE).resolve():
            shutil.copyfile(words, partial / TOKENIZER_FILE)
        return read_spec(partial, document)


def adopt_openpi(
    policy: Path,
    output: Path,
    rig: Rig,
    fps: float,
    units: Sequence[tuple[str, str]],
    *,
    asset: str | None = None,
    hold: Sequence[str] = (),
    tokenizer: Path | None = None,
    max_trained_delay: int | None = None,
    force: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> PolicySpec:
    """Write an openpi checkpoint (PyTorch) as a LeRobot directory, completed as `adopt` does.

    Args:
        policy: openpi's directory: model.safetensors, config.json, assets.
        output: The directory to make.
        rig: What openpi's Python configuration says of the robot.
        fps: Action rows per second.
        units: As for `adopt`.
        asset: Which statistics, where there are several.
        hold: As for `adopt`.
        tokenizer: Likewise.
        max_trained_delay: Likewise.
        force: Likewise.
        progress: Likewise.

    Raises:
        PolicyError: As for `adopt`; or statistics are missing, or do not fit the channels.
        CheckpointError: A file cannot be read or written.
    """
    document = _document(policy)
    if not is_openpi(document):
        raise PolicyError(f"{policy} is not a PyTorch checkpoint of openpi: its config.json has no action_horizon")
    with atomic_directory(output, force=force, needed_bytes=(policy / OPENPI_WEIGHTS).stat().st_size) as partial:
        written = write_as_lerobot(policy, partial, document, rig, asset=asset, progress=progress)
        naming = Naming(fps, rig.state, rig.action)
        describe(partial, written, naming, units, hold, max_trained_delay).write(partial)
        shutil.copyfile(find_tokenizer(partial, tokenizer), partial / TOKENIZER_FILE)
        return read_spec(partial, written)


def describe(
    policy: Path,
    document: Mapping[str, Any],
    naming: Naming,
    units: Sequence[tuple[str, str]],
    hold: Sequence[str],
    max_trained_delay: int | None,
) -> Description:
    """The contents of `retain.json`; `adopt` describes the arguments and errors."""
    for feature, names in ((STATE, naming.state), (ACTION, naming.action)):
        if len(names) != (size := size_of(document, feature)):
            raise PolicyError(
                f"{policy} has {size} numbers in {feature} and the data names {len(names)} ({', '.join(names)}); give"
                " the dataset that the policy was trained on"
            )
    _check_patterns([pattern for pattern, _ in units] + list(hold), {*naming.state, *naming.action})
    if unknown := sorted({unit for _, unit in units if not is_known(unit)}):
        raise PolicyError(
            f"{', '.join(unknown)} is no unit known here; expected one of {', '.join(UNITS)}, or a multiple of one of"
            " the first, as '0.02 rad'"
        )
    relative = _relative(policy)
    return Description(
        dt_s=1.0 / naming.fps,
        state=tuple(StateName(name=name, unit=_unit(name, units)) for name in naming.state),
        action=tuple(
            ActionName(
                name=name,
                unit=_unit(name, units),
                mode="delta" if name in relative else "absolute",
                interpolation="hold" if any(fnmatch.fnmatchcase(name, pattern) for pattern in hold) else "linear",
            )
            for name in naming.action
        ),
        max_trained_delay=document.get(LEROBOTS, 0) if max_trained_delay is None else max_trained_delay,
    )


def _check_absolute(policy: Path, robot: Robot) -> None:
    if robot.statistics is not None and (relative := _relative(policy)):
        raise PolicyError(
            f"{policy} predicts {', '.join(sorted(relative))} relative to the state, and data measured as they are have"
            " the statistics of absolute actions; take a base of absolute actions"
        )


def _document(policy: Path) -> dict[str, Any]:
    try:
        return read_json_object(policy / "config.json")
    except CheckpointError as error:
        raise PolicyError(str(error)) from error


def _unit(name: str, units: Sequence[tuple[str, str]]) -> str:
    matching = [unit for pattern, unit in units if fnmatch.fnmatchcase(name, pattern)]
    if not matching:
        raise PolicyError(
            f"in which unit is {name}? LeRobot does not say; give it, as in --unit '*=deg' --unit 'gripper*=percent'"
            f" (one of {', '.join(UNITS)}; range with --calibration for LeRobot's -100 to 100)"
        )
    return matching[-1]


def _check_patterns(patterns: Sequence[str], names: set[str]) -> None:
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(name, pattern) for name in names):
            raise PolicyError(f"no channel is called {pattern}; the channels are {', '.join(sorted(names))}")


def _relative(policy: Path) -> frozenset[str]:
    """The action channels that LeRobot's relative_actions_processor counts from the measured state."""
    for step in read_json_object(policy / "policy_preprocessor.json").get("steps", []):
        config = step.get("config", {})
        if step.get("registry_name") == "relative_actions_processor" and config.get("enabled"):
            return frozenset(config.get("action_names") or ()) - frozenset(config.get("exclude_joints") or ())
    return frozenset()
