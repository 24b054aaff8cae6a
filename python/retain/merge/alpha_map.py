"""α of single tensors: by pattern, by depth, or by component."""

import re

from retain.errors import MergeError
from retain.merge.depth import Depth
from retain.merge.recipe import Recipe


class AlphaMap:
    """The map's α where a pattern matches, else the component's scaled by depth."""

    def __init__(self, recipe: Recipe) -> None:
        self._patterns = [(re.compile(pattern), alpha) for pattern, alpha in recipe.alpha_map.items()]
        self._used = [False] * len(self._patterns)
        self._depth = recipe.depth

    def of(self, name: str, alpha: float, depth: Depth | None) -> float:
        """α of a tensor (or of one row, `name[3]`) whose component has `alpha`."""
        for index, (pattern, own) in enumerate(self._patterns):
            if pattern.fullmatch(name):
                self._used[index] = True
                return own
        if self._depth is None or depth is None:
            return alpha
        first, last = self._depth
        return alpha * (first + (last - first) * depth.position)

    def check_used(self) -> None:
        """Make sure that every pattern was of use.

        Raises:
            MergeError: One matched nothing; a misspelt name would otherwise pass unnoticed.
        """
        for (pattern, _), used in zip(self._patterns, self._used, strict=True):
            if not used:
                raise MergeError(f"the alpha map's {pattern.pattern!r} matches no tensor that is left to it")
