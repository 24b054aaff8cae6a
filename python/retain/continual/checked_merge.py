"""A merge whose inputs must be the policies that the line recorded."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from retain.continual.line import Line
from retain.continual.methods import MergeStep
from retain.continual.provenance import check_same, place_of
from retain.errors import CheckpointError
from retain.merge import MergeReport
from retain.merge.merge import Finish
from retain.merge.report import REPORT_FILE, EndReport, read_report


def known_policies(line: Line, root: Path) -> dict[Path, EndReport]:
    """Everything that a merge of this line may read, by where it is."""
    ends = [line.base, line.policy, *(skill.finetuned for skill in line.present)]
    return {place_of(end.path, root): end for end in ends}


def write_checked(
    step: MergeStep,
    known: Mapping[Path, EndReport],
    output: Path,
    *,
    threads: int | None = None,
    finish: Finish | None = None,
) -> None:
    """Carry a merge out, or use the result of a run that was killed after it.

    The inputs are hashed while they are read, and nothing becomes visible if one is another.

    Args:
        step: The merge.
        known: What its inputs must be; those that are not in it are new.
        output: The policy directory to make.
        threads: How many threads.
        finish: What else to do with the still hidden directory.

    Raises:
        ContinualError: An input was changed.
        MergeError: The policies cannot be merged.
    """

    def check(report: MergeReport, partial: Path) -> None:
        ends = (report.base, *report.finetuned)
        for place, found in zip((step.base, *step.finetuned), ends, strict=True):
            if place in known:
                check_same(known[place], found, place)
        if finish is not None:
            finish(report, partial)

    if not output.exists():
        step.write(output, threads=threads, finish=check)


@dataclass(frozen=True)
class Merged:
    """What a merge left in its report.

    Attributes:
        newest: The finetuned policy that came last.
        output: The merged one.
        warnings: One sentence each.
    """

    newest: EndReport
    output: EndReport
    warnings: tuple[str, ...]


def read_merged(policy: Path) -> Merged:
    """What a merge read last and what it wrote.

    Raises:
        CheckpointError: There is no report.
    """
    report = read_report(policy)
    if report is None:
        raise CheckpointError(f"{policy} has no {REPORT_FILE}; give the same command with --restart")
    return Merged(
        EndReport(**report["finetuned"][-1]), EndReport(**report["output"]), tuple(map(str, report["warnings"]))
    )
