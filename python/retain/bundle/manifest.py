"""The manifest of a bundle: everything that has to be known to run the policy, and where its weights came from."""

from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import Field, JsonValue, ValidationError, model_validator

from retain.bundle.contents import WEIGHTS_FILE, FileRecord, Golden, Graphs
from retain.bundle.interface import Action, Affine, ChannelLimits, Flow, Language, Normalization, Observation
from retain.bundle.part import Name, Part
from retain.errors import BundleError

SCHEMA_VERSION = 1
MANIFEST_FILE = "manifest.json"


class Manifest(Part):
    """`manifest.json`, schema version 1."""

    schema_version: Literal[1] = 1
    retain_version: Name
    family: Name
    """Policy family, as in "compact"."""
    merge: dict[str, JsonValue] | None
    """The merge's recipe with the SHA-256 of its inputs; None for an export of a policy as it is."""
    observation: Observation
    action: Action
    normalization: Normalization
    flow: Flow | None
    """None where the policy regresses its chunk."""
    language: Language | None
    """None where the policy takes no instruction."""
    max_trained_delay: Annotated[int, Field(ge=0)]
    """Longest action prefix, in rows, that the policy was trained to continue; 0 if it was not."""
    limits: tuple[ChannelLimits, ...] | None
    """One per action channel, in order."""
    graphs: Graphs
    golden: Golden
    files: dict[str, FileRecord]
    """Every file of the bundle but this one, by its path relative to the bundle, with forward slashes."""

    @model_validator(mode="after")
    def _parts_fit(self) -> "Manifest":
        channels, state = self.action.channels, self.observation.state
        _same_length("normalization.state", self.normalization.state, len(state))
        _same_length("normalization.action", self.normalization.action, len(channels))
        if self.limits is not None and len(self.limits) != len(channels):
            raise ValueError(f"limits has {len(self.limits)} entries for {len(channels)} action channels")
        if self.action.n_action_steps > self.action.horizon:
            raise ValueError(f"n_action_steps {self.action.n_action_steps} exceeds the horizon {self.action.horizon}")
        if self.max_trained_delay >= self.action.horizon:
            raise ValueError(
                f"max_trained_delay {self.max_trained_delay} must be below the horizon {self.action.horizon}"
            )
        known = {channel.name for channel in state}
        orphans = [channel.name for channel in channels if channel.mode == "delta" and channel.name not in known]
        if orphans:
            raise ValueError(f"delta channels {orphans} have no state channel of the same name")
        if (self.flow is None) != (self.graphs.step is None):
            raise ValueError("flow and graphs.step belong together: a policy has both, or regresses its chunk")
        if self.action_width < len(channels):
            raise ValueError(f"{len(channels)} action channels do not fit into a flow of width {self.action_width}")
        needed = {WEIGHTS_FILE, self.golden.file, *(graph.file for graph in self.graphs.all)}
        if self.language is not None:
            needed.add(self.language.tokenizer)
        if missing := needed - self.files.keys():
            raise ValueError(f"files lacks {sorted(missing)}")
        for name in self.files:
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                raise ValueError(f"files names {name!r}, which lies outside the bundle")
        return self

    @property
    def action_width(self) -> int:
        """Columns of the rows that the graphs compute: the action's channels, then padding."""
        return len(self.action.channels) if self.flow is None or self.flow.width is None else self.flow.width

    @property
    def flow_steps(self) -> int:
        """Steps of the flow; 0 where the policy regresses its chunk."""
        return 0 if self.flow is None else self.flow.steps

    @classmethod
    def from_json(cls, text: str | bytes, where: str) -> "Manifest":
        """Parse and check a manifest.

        Args:
            text: The file's contents.
            where: The file's path, for the message.

        Raises:
            BundleError: It is not a manifest of schema version 1; names the first field that is wrong.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"]) or "the file"
            raise BundleError(
                f"{where} is not a manifest of schema version {SCHEMA_VERSION}: {field}: {first['msg']}"
                f" ({error.error_count()} problems in all); export the bundle again with this version of retain"
            ) from error

    def to_json(self) -> str:
        """The file's text: the same manifest gives the same bytes."""
        return self.model_dump_json(indent=2) + "\n"


def _same_length(name: str, affine: Affine, count: int) -> None:
    if not len(affine.offset) == len(affine.scale) == count:
        raise ValueError(f"{name} has {len(affine.offset)} offsets and {len(affine.scale)} scales for {count} channels")
