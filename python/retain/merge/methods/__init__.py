"""Merge methods. A new one is a file here and a line in METHODS (and, where it computes something new, a kernel)."""

from collections.abc import Mapping

from retain.merge.methods.linear import Linear
from retain.merge.methods.method import Method, Operation

METHODS: Mapping[str, Method] = {method.name: method for method in (Linear(),)}

__all__ = ["METHODS", "Linear", "Method", "Operation"]
