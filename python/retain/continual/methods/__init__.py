"""Continual methods. A new one is a file here and a line in METHODS."""

from collections.abc import Mapping

from retain.continual.methods.anchored import Anchored
from retain.continual.methods.method import End, MergeStep, Method, Removal, State, replay_shares
from retain.continual.methods.parallel import PARALLEL, PARALLEL_TIES
from retain.continual.methods.sequential import Sequential

_ALL: tuple[Method, ...] = (Anchored(), Sequential(), PARALLEL, PARALLEL_TIES)
METHODS: Mapping[str, Method] = {method.name: method for method in _ALL}

__all__ = ["METHODS", "End", "MergeStep", "Method", "Removal", "State", "replay_shares"]
