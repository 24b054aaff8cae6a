"""What is to be known about a kind of policy before its weights can be merged by component."""

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """A kind of policy.

    Attributes:
        name: What reports and errors call it.
        config_types: Values of "type" (LeRobot) or "model_type" (Hugging Face) in config.json that mean this family.
        components: Pattern of the full tensor name, by component. Together they must match every tensor exactly once.
        aliases: Pairs of names that stand for one tensor in this family's code; a file may hold either or both.
        must_agree: Keys of config.json that change what the weights mean without changing their shapes.
    """

    name: str
    config_types: frozenset[str]
    components: Mapping[str, re.Pattern[str]]
    aliases: tuple[tuple[str, str], ...] = ()
    must_agree: tuple[str, ...] = ()

    def claims(self, tensor: str) -> list[str]:
        """The components whose pattern matches a tensor's name."""
        return [name for name, pattern in self.components.items() if pattern.fullmatch(tensor)]
