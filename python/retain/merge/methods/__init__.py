"""Merge methods. A new one is a file here and a line in METHODS (and, where it computes something new, a kernel)."""

from collections.abc import Mapping

from retain.merge.methods.dare import DARE_LINEAR, DARE_TIES, DELLA, DELLA_LINEAR
from retain.merge.methods.linear import Linear
from retain.merge.methods.method import (
    NOTHING_MEASURED,
    Combination,
    Measured,
    Method,
    Settings,
    Strength,
    Take,
    check_settings,
)
from retain.merge.methods.model_stock import ModelStock
from retain.merge.methods.slerp import Slerp
from retain.merge.methods.task_arithmetic import Soup, TaskArithmetic
from retain.merge.methods.ties import Ties

_ALL: tuple[Method, ...] = (
    Linear(),
    TaskArithmetic(),
    Soup(),
    Ties(),
    DARE_LINEAR,
    DARE_TIES,
    DELLA,
    DELLA_LINEAR,
    Slerp(),
    ModelStock(),
)
METHODS: Mapping[str, Method] = {method.name: method for method in _ALL}

__all__ = [
    "METHODS",
    "NOTHING_MEASURED",
    "Combination",
    "Measured",
    "Method",
    "Settings",
    "Strength",
    "Take",
    "check_settings",
]
