"""The ledger of a line of skills: what was taught, from what, how it was merged, and what is the policy now."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from retain.continual.methods import METHODS, Method
from retain.continual.provenance import Data
from retain.errors import ContinualError
from retain.merge import StoredDType
from retain.merge.merge import Alpha
from retain.merge.report import EndReport

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Mixed:
    """A dataset that was mixed into every batch of a finetuning.

    Attributes:
        data: Which.
        share: Of every batch.
        skill: Whose demonstrations they are; None for other data.
    """

    data: Data
    share: float
    skill: str | None = None


@dataclass(frozen=True)
class Skill:
    """One skill of a line. Its task vector is `finetuned` − `start`.

    Attributes:
        name: What the user calls it.
        instruction: What the robot is told.
        data: Its demonstrations; None if the finetuned policy was brought without them.
        mixed: What else was in the batches.
        replay: Share of every batch that was given to earlier skills, had there been any.
        training: All settings of the finetuning; None if the finetuned policy was brought.
        alpha: Its weight in the merge; None where the method derives it from the number of skills.
        start: Where its finetuning began.
        finetuned: θ_ft,n.
        policy: θ̃_n, the line's policy once it was merged.
        previous: θ̃_{n−1}, the line's policy before.
        gate: What the merge cost, as `Verdict` has it; None if nothing was measured.
        forced: Whether it was merged although the gate refused it.
        removed: Whether it was taken out again.
    """

    name: str
    instruction: str
    data: Data | None
    mixed: tuple[Mixed, ...]
    replay: float
    training: Mapping[str, Any] | None
    alpha: Alpha | None
    start: EndReport
    finetuned: EndReport
    policy: EndReport
    previous: EndReport
    gate: Mapping[str, Any] | None = None
    forced: bool = False
    removed: bool = False


@dataclass(frozen=True)
class Line:
    """A line of skills.

    Attributes:
        method_name: A key of `METHODS`.
        dtype: What merged weights are stored as; None keeps the base's dtypes.
        base: θ_0.
        policy: What the line's policy is now.
        skills: In the order in which they were taught, removed ones too.
        changes: Folders of the changes that were made, in order.
    """

    method_name: str
    dtype: StoredDType | None
    base: EndReport
    policy: EndReport
    skills: tuple[Skill, ...] = ()
    changes: tuple[str, ...] = ()

    @property
    def method(self) -> Method:
        """How skills are added."""
        return METHODS[self.method_name]

    @property
    def present(self) -> tuple[Skill, ...]:
        """The skills that are in the policy."""
        return tuple(skill for skill in self.skills if not skill.removed)

    def find(self, name: str) -> Skill:
        """A skill that is in the policy.

        Raises:
            ContinualError: There is none of that name.
        """
        for skill in self.present:
            if skill.name == name:
                return skill
        names = ", ".join(repr(skill.name) for skill in self.present) or "none"
        raise ContinualError(f"there is no skill {name!r} in this line; it has {names}")

    def check_new(self, name: str) -> None:
        """Make sure that no skill is called so.

        Raises:
            ContinualError: One is.
        """
        if any(skill.name == name for skill in self.present):
            raise ContinualError(f"the line has a skill {name!r} already; give this one another name with --name")

    def with_skill(self, skill: Skill) -> "Line":
        """The line after one more skill."""
        return replace(self, skills=(*self.skills, skill), policy=skill.policy)

    def without(self, name: str, policy: EndReport) -> "Line":
        """The line after one skill fewer; its entry stays: others may have been finetuned while it was there."""
        gone = self.find(name)
        skills = tuple(replace(skill, removed=True) if skill is gone else skill for skill in self.skills)
        return replace(self, skills=skills, policy=policy)

    def after(self, change: str) -> "Line":
        """The line with one more change in its history.

        Args:
            change: The change's folder.
        """
        return replace(self, changes=(*self.changes, change))

    def to_json(self) -> dict[str, Any]:
        """As a JSON object, from which `from_json` makes an equal line."""
        document = {field.name: getattr(self, field.name) for field in fields(self)} | {
            "method": self.method_name,
            "base": asdict(self.base),
            "policy": asdict(self.policy),
            "skills": [asdict(skill) for skill in self.skills],
        }
        del document["method_name"]
        return {"schema_version": SCHEMA_VERSION, **document}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], source: str) -> "Line":
        """Read what `to_json` wrote.

        Args:
            value: The object.
            source: Where it was found, for messages.

        Raises:
            ContinualError: It is of another version, or no line.
        """
        if value.get("schema_version") != SCHEMA_VERSION:
            raise ContinualError(
                f"{source} has the schema {value.get('schema_version')!r}, this version reads {SCHEMA_VERSION}; "
                "use the version of retain that wrote it"
            )
        try:
            line = cls(
                method_name=value["method"],
                dtype=value["dtype"],
                base=EndReport(**value["base"]),
                policy=EndReport(**value["policy"]),
                skills=tuple(_skill(entry) for entry in value["skills"]),
                changes=tuple(value["changes"]),
            )
            line.method  # noqa: B018 (an unknown method is a KeyError here)
        except (KeyError, TypeError, ValueError) as error:
            raise ContinualError(f"{source} holds no line of skills ({error!r}); copy it again") from error
        return line


def _skill(entry: Mapping[str, Any]) -> Skill:
    data = None if entry["data"] is None else Data(**entry["data"])
    mixed = tuple(Mixed(Data(**one["data"]), one["share"], one["skill"]) for one in entry["mixed"])
    ends = {name: EndReport(**entry[name]) for name in ("start", "finetuned", "policy", "previous")}
    return Skill(**{**entry, **ends, "data": data, "mixed": mixed})
