"""A dataset in the units of the policy that would be finetuned on it: a report before hours of training. No torch here.

Reused statistics can fit in shape and still put the data where the base has never been: degrees against radians,
another zero, a gripper the other way round (openpi #1025 asks for such a report).
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from retain.data.check.finding import Finding
from retain.errors import DatasetError
from retain.finetune.cameras import as_recorded
from retain.finetune.chunks import read_frames
from retain.finetune.pictures import camera_names
from retain.finetune.renames import Renames
from retain.finetune.statistics import FAR, STILL, TOLERATED_SHARE
from retain.policy.lerobot import FAMILIES
from retain.policy.normalization import Affine, FloatArray
from retain.policy.spec import PolicySpec

if TYPE_CHECKING:
    from retain.data import Dataset

_MOST_FRAMES = 4096
"""Of longer datasets as many frames, evenly spaced, with their chunks."""


@dataclass(frozen=True)
class ChannelFit:
    """One channel in the base's units, where its own data have mean 0 and standard deviation 1.

    Attributes:
        channel: Such as `action[elbow]`.
        mean: Of the dataset's values.
        std: Of the dataset's values.
        largest: Largest absolute value.
        far: Share of the values beyond `FAR`.
    """

    channel: str
    mean: float
    std: float
    largest: float
    far: float

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def compare_with_base(
    dataset: "Dataset", spec: PolicySpec, renames: Renames | None = None
) -> tuple[list[ChannelFit], list[Finding]]:
    """Every channel of the base's state and action, and what speaks against finetuning it on this dataset.

    Args:
        dataset: What it would be finetuned on.
        spec: The base's.
        renames: The dataset's names where they are not the base's.

    Returns:
        The channels, none where the dataset lacks one; and the findings.
    """
    findings = []
    if spec.family in FAMILIES:  # takes frames of any size
        spec = replace(spec, cameras=as_recorded(spec, dataset, renames or Renames()))
    try:
        camera_names(dataset, spec, renames)
    except DatasetError as error:
        findings.append(_unfit(str(error)))
    try:
        frames = read_frames(dataset, spec, pictures=False, renames=renames)
    except DatasetError as error:
        return [], [*findings, _unfit(str(error))]
    chosen = np.unique(np.linspace(0, len(frames) - 1, min(len(frames), _MOST_FRAMES)).astype(np.int64))
    rows = frames.rows(chosen, spec.horizon) - spec.reference(frames.state[chosen])[:, None]
    fits = [
        *_fits(frames.state, spec.normalization.state, [f"observation.state[{c.name}]" for c in spec.state]),
        *_fits(
            rows.reshape(-1, len(spec.action)), spec.normalization.action, [f"action[{c.name}]" for c in spec.action]
        ),
    ]
    return fits, [*findings, *(finding for fit in fits for finding in _judge(fit))]


def _fits(values: FloatArray, affine: Affine, names: Sequence[str]) -> Iterator[ChannelFit]:
    normalized = affine.normalize(values).astype(np.float64)
    for channel, name in enumerate(names):
        column = normalized[:, channel]
        size = np.abs(column)
        yield ChannelFit(name, float(column.mean()), float(column.std()), float(size.max()), float((size > FAR).mean()))


def _judge(fit: ChannelFit) -> Iterator[Finding]:
    if fit.far > TOLERATED_SHARE:
        yield Finding(
            "broken",
            "base",
            f"{fit.far:.0%} of the values of {fit.channel} are more than {FAR:g} standard deviations from the base's"
            f" mean (theirs: mean {fit.mean:.3g}, std {fit.std:.3g} of the base's)",
            "bring it into the base's unit and zero: new statistics would make the finetuned policy unfit to merge",
            channel=fit.channel,
        )
    elif 0 < fit.std < STILL:
        yield Finding(
            "suspicious",
            "base",
            f"{fit.channel} moves by {fit.std:.2g} of the base's standard deviation",
            "is it in the base's unit? radians look so to a base of degrees",
            channel=fit.channel,
        )


def _unfit(message: str) -> Finding:
    found, _, mend = message.rpartition("; ")
    return Finding("broken", "base", found or message, mend if found else "record what the base needs")
