"""Say of a policy how many committed rows it was trained to go on from."""

from dataclasses import replace

from retain.checkpoint import with_trained_delay
from retain.policy.base import Policy


def set_trained_delay(policy: Policy, rows: int) -> None:
    """Let a policy, and what is saved of it, say another `max_trained_delay`; in place.

    Raises:
        PolicyError: The number is negative, not below the horizon, or above 0 for a policy without a flow.
    """
    policy.spec = replace(policy.spec, max_trained_delay=rows)
    policy.sidecars = {name: with_trained_delay(name, content, rows) for name, content in policy.sidecars.items()}
