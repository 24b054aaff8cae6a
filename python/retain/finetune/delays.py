"""Which committed rows a training shows, and so what its result may say of itself (arXiv 2512.05964)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retain.errors import TrainingError
from retain.finetune.configuration import TrainingConfig
from retain.policy.spec import PolicySpec

if TYPE_CHECKING:
    from retain.policy.base import Policy


def trained_delay(spec: PolicySpec, config: TrainingConfig) -> int:
    """How many committed rows the result of this training may be given: as many as the training shows it.

    Raises:
        TrainingError: The policy has no flow, its chunks are too short, or there is a probability of nothing.
    """
    rows = spec.max_trained_delay if config.train_delays is None else config.train_delays
    if rows and spec.flow is None:
        raise TrainingError(
            f"train_delays is {rows}, but {spec.family} regresses its chunk: only a flow can be given rows to go on"
            " from; leave out --train-delays, and run the policy with --strategy ensemble"
        )
    if rows >= spec.horizon:
        raise TrainingError(
            f"train_delays is {rows}, but a chunk of this {spec.family} has {spec.horizon} rows, all of which would be"
            f" committed; expected at most {spec.horizon // 2}, the longest delay that rtc-prefix can bridge"
        )
    if not rows and config.delay_probability is not None:
        raise TrainingError(
            f"delay_probability is {config.delay_probability:g}, but no committed rows are trained; give --train-delays"
        )
    return rows


def adopt_delays(policy: "Policy", config: TrainingConfig) -> Iterator[str]:
    """Let a policy learn committed rows as asked, and say so of itself, in place.

    Yields:
        Facts worth reading.

    Raises:
        TrainingError: As `trained_delay`.
    """
    from retain.policy.trained_delay import set_trained_delay

    before, rows = policy.spec.max_trained_delay, trained_delay(policy.spec, config)
    if config.delay_probability is not None:
        policy.delay_probability = config.delay_probability
    if rows and not policy.delay_probability:
        raise TrainingError(
            f"{rows} committed rows are to be learnt, but the base's config.json has the delay_probability 0, so that"
            " none would ever be shown; give --delay-probability, or --train-delays 0"
        )
    set_trained_delay(policy, rows)
    if rows:
        share = f" of {policy.delay_probability:.0%} of the chunks" if policy.delay_probability < 1 else ""
        yield f"committed rows: 0 to {rows} of {policy.spec.horizon}, {rows * policy.spec.dt_s:g} s{share}"
    if rows < before:
        yield f"committed rows: the start was trained for {before}, the result is for {rows}"
    if rows > policy.spec.horizon // 2:
        yield (
            f"committed rows: rtc-prefix needs d ≤ H - d, so no more than {policy.spec.horizon // 2} of them are ever"
            " used"
        )
