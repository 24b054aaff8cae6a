"""Which skills a policy was given, one after the other: `skills.json` beside the weights.

Sequential merging is RETAIN's eq. 4, θ̃_n = (1−α)·θ̃_{n−1} + α·θ_ft,n, where θ_ft,n was finetuned from θ̃_{n−1}. So
θ̃_n = θ_base + Σ_k α_k·(θ_ft,k − θ̃_{k−1}): each skill's share can be computed again from the files that the ledger
names, and taken out.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from retain.checkpoint import Checkpoint, open_checkpoint, sha256_files
from retain.checkpoint.checkpoint import read_json_object
from retain.errors import CheckpointError, MergeError
from retain.merge.report import EndReport, MergeReport

LEDGER_FILE = "skills.json"
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Skill:
    """One merge of a sequence.

    Attributes:
        name: What the user calls it.
        recipe: How it was merged, as JSON.
        alpha: α of every component.
        user_components: Components that the user defined.
        start: The policy it was merged into, θ̃_{n−1}: path and files with SHA-256.
        finetuned: The policy finetuned from that.
        removed: Whether it was taken out again.
    """

    name: str
    recipe: Mapping[str, Any]
    alpha: Mapping[str, float]
    user_components: Mapping[str, str]
    start: EndReport
    finetuned: EndReport
    removed: bool = False


@dataclass(frozen=True)
class Ledger:
    """The skills of a policy, in the order in which they were merged."""

    skills: tuple[Skill, ...] = ()

    @property
    def names(self) -> list[str]:
        """Of the skills that are in the weights."""
        return [skill.name for skill in self.skills if not skill.removed]

    def find(self, name: str) -> Skill:
        """A skill that is in the weights.

        Raises:
            MergeError: There is none of that name.
        """
        for skill in self.skills:
            if skill.name == name and not skill.removed:
                return skill
        raise MergeError(f"no skill {name!r} was merged into this policy; it has {', '.join(self.names) or 'none'}")

    def add(self, skill: Skill) -> "Ledger":
        """One skill more."""
        return Ledger((*self.skills, skill))

    def remove(self, name: str) -> "Ledger":
        """One skill fewer; its entry stays, because later ones were finetuned while it was there."""
        gone = self.find(name)
        return Ledger(tuple(replace(skill, removed=True) if skill is gone else skill for skill in self.skills))

    def write(self, directory: Path) -> None:
        """Write `skills.json`."""
        text = json.dumps(
            {"schema_version": SCHEMA_VERSION, "skills": [asdict(skill) for skill in self.skills]}, indent=2
        )
        (directory / LEDGER_FILE).write_text(text + "\n", encoding="utf-8")


def read_ledger(directory: Path) -> Ledger | None:
    """The ledger beside a policy's weights, or None where there is none.

    Raises:
        CheckpointError: There is one and it cannot be read.
    """
    file = directory / LEDGER_FILE
    if not file.exists():
        return None
    document = read_json_object(file)
    if document.get("schema_version") != SCHEMA_VERSION:
        raise CheckpointError(
            f"{file} has the schema {document.get('schema_version')!r}, this version reads {SCHEMA_VERSION}; "
            "use the version of retain that wrote it"
        )
    try:
        return Ledger(tuple(_skill(entry) for entry in document["skills"]))
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"{file} is not a ledger ({error!r}); copy it again") from error


def _skill(entry: Mapping[str, Any]) -> Skill:
    ends = {end: EndReport(**entry[end]) for end in ("start", "finetuned")}
    return Skill(**{**entry, **ends})


def continued(base: Checkpoint, name: str) -> Ledger:
    """The ledger that a merge into a policy adds to; an empty one if nothing was merged into it yet.

    Raises:
        MergeError: A skill of that name is there already.
        CheckpointError: The ledger cannot be read.
    """
    ledger = (None if base.is_bare else read_ledger(base.directory)) or Ledger()
    if name in ledger.names:
        raise MergeError(f"{base.path} holds a skill {name!r} already; give this one another name with --skill")
    return ledger


def skill_of(report: MergeReport, name: str) -> Skill:
    """The entry of a merge that was carried out.

    Raises:
        MergeError: It had several finetuned policies, or its inputs were not hashed.
    """
    if len(report.finetuned) != 1:
        raise MergeError("a ledger records one skill at a time; merge one finetuned policy with --continue")
    if not report.hashed:
        raise MergeError("a ledger needs the hashes of its inputs; leave --no-hash out")
    start, finetuned = _absolute(report.base), _absolute(report.finetuned[0])
    return Skill(name, report.recipe, report.alpha, report.user_components, start, finetuned)


def recorder(ledger: Ledger, name: str) -> Callable[[MergeReport, Path], None]:
    """What writes a ledger with one more skill beside the weights, once the merge is done."""

    def record(report: MergeReport, directory: Path) -> None:
        ledger.add(skill_of(report, name)).write(directory)

    return record


def _absolute(end: EndReport) -> EndReport:
    return replace(end, path=str(Path(end.path).resolve()))


def check_same_files(end: EndReport, path: Path, threads: int) -> Checkpoint:
    """Open a policy that a ledger names, and make sure that it still has the files that were merged.

    Raises:
        CheckpointError: It is gone, or was changed.
    """
    if not path.exists():
        raise CheckpointError(f"{path}, which the ledger names, is not there; say where it is now")
    checkpoint = open_checkpoint(path)
    found = sha256_files([header.file for header in checkpoint.headers], threads)
    for header in checkpoint.headers:
        recorded = end.files.get(header.file.name, {}).get("sha256")
        if found[header.file] != recorded:
            raise CheckpointError(f"{header.file} is not the file that was merged: its SHA-256 is not the ledger's")
    return checkpoint


def is_linear(skill: Skill) -> bool:
    """Whether a skill's share is α times a task vector, and so can be computed again and subtracted."""
    return skill.recipe["method"] in ("linear", "task_arithmetic")


def weights_in(skills: Sequence[Skill]) -> str:
    """The skills in one line: names with their α."""
    return ", ".join(
        f"{skill.name} ({' '.join(f'{part}={alpha:g}' for part, alpha in skill.alpha.items())})"
        for skill in skills
        if not skill.removed
    )
