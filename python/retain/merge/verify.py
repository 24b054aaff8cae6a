"""Whether a merged policy is what its report says: the merge is done again and compared byte by byte."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from retain._core import merge as core
from retain.checkpoint import sha256_files
from retain.checkpoint.sidecars import as_copied
from retain.errors import CheckpointError, MergeError
from retain.merge.merge import prepare
from retain.merge.not_finite import finite_problem
from retain.merge.plan import MergePlan, PlannedUnit
from retain.merge.recipe import Recipe
from retain.merge.report import REPORT_FILE, SCHEMA_VERSION, read_report
from retain.merge.stream import Progress, Streamed, stream, threads_or_all

_LISTED = 4
_UNHASHED = "the merge was done with --no-hash, so it is not known whether its inputs are still the same files"


@dataclass(frozen=True)
class Verification:
    """What was found.

    Attributes:
        output: The merged policy.
        recomputed: Whether the inputs were at hand, so that the merge could be done again.
        problems: What is not as the report says, one sentence each; none is what one hopes for.
        remarks: What could not be checked.
    """

    output: str
    recomputed: bool
    problems: tuple[str, ...]
    remarks: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)


def verify(
    output: str | Path,
    *,
    base: str | Path | None = None,
    finetuned: Sequence[str | Path] = (),
    threads: int | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Check a merged policy against its report and, where they are at hand, its inputs. Nothing is written.

    Args:
        output: A directory made by a merge.
        base: Where the base is now; None takes the report's path.
        finetuned: Where the finetuned policies are now; empty takes the report's paths.
        threads: How many threads; None takes as many as there are cores for this process.
        progress: Called about ten times a second with the bytes done since the last call.

    Raises:
        CheckpointError: The output or its report is missing or broken, or an input that was named is.
        MergeError: The report is of another version.
    """
    directory = Path(output)
    report = _read(directory)
    problems = _check_hashes(directory, report, threads_or_all(threads))
    paths = _inputs(report, base, finetuned)
    gone = [str(path) for path in paths if not path.exists()]
    if gone:
        remark = f"{' and '.join(gone)} {'is' if len(gone) == 1 else 'are'} not there, so the merge was not recomputed"
        return Verification(
            str(directory), False, tuple(problems), (f"{remark}; name them with --base and --finetuned",)
        )
    recipe = Recipe.from_json(report["recipe"])
    pickled = any(end["kind"] == "pickle" for end in (report["base"], *report["finetuned"]))
    plan = prepare(paths[0], paths[1:], recipe, report["user_components"], allow_pickle=pickled)
    problems += _check_files(plan, directory)
    if not problems:
        problems += _recompute(plan, directory, report, threads_or_all(threads), progress)
    return Verification(str(directory), True, tuple(problems), () if report["hashed"] else (_UNHASHED,))


def _read(directory: Path) -> dict[str, Any]:
    if not directory.is_dir():
        raise CheckpointError(f"{directory} is not a directory; give one that retain merge made")
    report = read_report(directory)
    if report is None:
        raise CheckpointError(f"{directory} has no {REPORT_FILE}; only what retain merge made can be verified")
    if report.get("schema_version") != SCHEMA_VERSION:
        raise MergeError(
            f"{directory / REPORT_FILE} has the schema {report.get('schema_version')!r}, this version writes "
            f"{SCHEMA_VERSION}; verify with the retain {report.get('retain_version', 'version')} that made it"
        )
    return report


def _inputs(report: Mapping[str, Any], base: str | Path | None, finetuned: Sequence[str | Path]) -> list[Path]:
    recorded = [Path(end["path"]) for end in report["finetuned"]]
    if finetuned and len(finetuned) != len(recorded):
        raise MergeError(f"the merge had {len(recorded)} finetuned policies, but {len(finetuned)} were named")
    return [Path(base or report["base"]["path"]), *(map(Path, finetuned) if finetuned else recorded)]


def _check_hashes(directory: Path, report: Mapping[str, Any], threads: int) -> list[str]:
    """The output's files against the sizes and hashes that were recorded."""
    problems = []
    files = report["output"]["files"]
    present = {}
    for name, about in files.items():
        if Path(name).name != name or not (directory / name).is_file():
            problems.append(f"{name} is missing")
        elif (directory / name).stat().st_size != about["bytes"]:
            problems.append(f"{name} has {(directory / name).stat().st_size} bytes instead of {about['bytes']}")
        elif about["sha256"] is not None:
            present[directory / name] = about["sha256"]
    found = sha256_files(list(present), threads)
    changed = [file.name for file in present if found[file] != present[file]]
    return problems + [f"{name} was changed: its SHA-256 is not the report's" for name in changed]


def _check_files(plan: MergePlan, directory: Path) -> list[str]:
    """Names, sizes, headers and sidecars, before the weights are compared."""
    problems = []
    for file in plan.files:
        place = directory / file.name
        if not place.is_file() or place.stat().st_size != file.nbytes:
            problems.append(f"{file.name} should have {file.nbytes} bytes")
            continue
        with place.open("rb") as opened:
            if opened.read(len(file.header)) != file.header:
                problems.append(f"{file.name} has another header than this merge makes")
    for sidecar in plan.sidecars.sidecars:
        place = directory / sidecar
        if not place.is_file():
            problems.append(f"{sidecar} is missing; {plan.sidecars.path} has it")
        elif place.read_bytes() != plan.committed[0].restate(
            str(sidecar), as_copied(sidecar, (plan.sidecars.directory / sidecar).read_bytes())
        ):
            problems.append(f"{sidecar} differs from the one in {plan.sidecars.path}")
    return problems


def _recompute(
    plan: MergePlan, directory: Path, report: Mapping[str, Any], threads: int, progress: Progress | None
) -> list[str]:
    outputs = [core.Output.compare(str(directory / file.name)) for file in plan.files]

    def place(variant: int, unit: PlannedUnit) -> core.Span:
        return core.Span(unit.file, unit.offset)

    streamed = stream(plan, outputs, place, threads=threads, sync=False, hashing=report["hashed"], progress=progress)
    problems = _check_inputs(plan, streamed, report) if report["hashed"] else []
    bad = finite_problem(plan, streamed)
    if bad:
        problems.append(bad)
    different = [
        (plan.units[work.unit].name, target.different)
        for work, result in zip(streamed.work, streamed.results, strict=True)
        for target in result.targets
        if target.different
    ]
    if different:
        shown = ", ".join(f"{name} ({count} bytes)" for name, count in different[:_LISTED])
        more = f" and {len(different) - _LISTED} more" if len(different) > _LISTED else ""
        problems.append(f"{len(different)} tensors are not what this merge makes of its inputs: {shown}{more}")
    return problems


def _check_inputs(plan: MergePlan, streamed: Streamed, report: Mapping[str, Any]) -> list[str]:
    problems = []
    for end, recorded in zip(plan.ends, (report["base"], *report["finetuned"]), strict=True):
        for header in end.headers:
            wanted = recorded["files"].get(header.file.name, {}).get("sha256")
            if streamed.input_sha256.get(header.file) != wanted:
                problems.append(f"{header.file} is not the file that was merged: its SHA-256 is not the report's")
    return problems
