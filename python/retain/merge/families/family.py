"""What is to be known about a kind of policy before its weights can be merged by component."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from retain.merge.families.heads import Heads
from retain.merge.families.stack import Stack


def no_heads(config: Mapping[str, Any]) -> Heads:
    """The heads of a family in which no change of units can be folded."""
    return Heads()


@dataclass(frozen=True)
class Family:
    """A kind of policy.

    Every pattern but a user's is matched against the canonical name: without the family's prefixes and suffixes.

    Attributes:
        name: What reports and errors call it.
        config_types: Values of "type" (LeRobot) or "model_type" (Hugging Face) in config.json that mean this family.
        components: Pattern of the canonical name, by component. Together they must match every tensor exactly once.
        prefixes: What some formats put before every name; two ends may differ in it.
        suffixes: What some formats put after every name; two ends may differ in it.
        aliases: Pairs of names, as stored, that stand for one tensor in this family's code; a file may hold either.
        rows: Tensors whose first axis is a list of independent parts, as robots or layers: merged row by row.
        stacks: Its layers in order, where their names do not say it plainly enough.
        heads: The affine layers next to the data, given config.json.
        must_agree: Settings that change what the weights mean without changing their shapes: keys of config.json, where
            a dot goes one level down. `file.json:key` is a key of another file.
        must_agree_where_shared: Settings that are objects by robot or data set, and which keys of such an entry count
            (all if none are given): entries that both ends have must be the same. `file.json:` is a whole file.
    """

    name: str
    config_types: frozenset[str]
    components: Mapping[str, re.Pattern[str]]
    prefixes: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    aliases: tuple[tuple[str, str], ...] = ()
    rows: re.Pattern[str] | None = None
    stacks: tuple[Stack, ...] = ()
    heads: Callable[[Mapping[str, Any]], Heads] = no_heads
    must_agree: tuple[str, ...] = ()
    must_agree_where_shared: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def canonical(self, tensor: str) -> str:
        """A tensor's name without what only some formats add to it."""
        for prefix in self.prefixes:
            tensor = tensor.removeprefix(prefix)
        for suffix in self.suffixes:
            tensor = tensor.removesuffix(suffix)
        return tensor

    def claims(self, tensor: str) -> list[str]:
        """The components whose pattern matches a tensor's name."""
        canonical = self.canonical(tensor)
        return [name for name, pattern in self.components.items() if pattern.fullmatch(canonical)]

    def has_rows(self, tensor: str) -> bool:
        """Whether a tensor's first axis is a list of independent parts."""
        return self.rows is not None and self.rows.fullmatch(self.canonical(tensor)) is not None
