"""What `open_engine` opens: a policy in C++, whoever computes."""

from typing import TYPE_CHECKING, TypeAlias

from retain._core import engine as core

if TYPE_CHECKING:
    PolicyEngine: TypeAlias = core.OnnxRuntimeEngine | core.TensorRtEngine
    """Both have info, prefix, step, regressed and prefix_output, and the loop takes both."""
else:
    PolicyEngine = core.Engine  # what both are
