"""Buffers of batch normalization: what a network has measured on its data, not what it has learnt."""

import re

_RUNNING_STATISTICS = re.compile(r"(?:.*\.)?(?:running_mean|running_var|num_batches_tracked)")


def is_running_statistic(tensor: str) -> bool:
    """Whether a tensor is a running mean or variance, or the count behind them.

    They are copied, never averaged: a variance is not linear in what was measured, so the mean of two is that of no
    network. (A frozen batch norm has the same at both ends anyway.)
    """
    return _RUNNING_STATISTICS.fullmatch(tensor) is not None
