"""Whether data fits the statistics of the policy that is finetuned on it, and new ones where that is asked for."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from retain.data.statistics import vector_statistics
from retain.finetune.chunks import Frames, relative_rows
from retain.policy.lerobot.document import ACTION, STATE
from retain.policy.lerobot.restate import spec_of, with_statistics
from retain.policy.normalization import Affine, FloatArray, Normalization
from retain.policy.spec import PolicySpec

if TYPE_CHECKING:
    from retain.policy.base import Policy

FAR = 6.0
"""A normalized value beyond this is nothing the base has seen: 6 standard deviations of its own data."""
TOLERATED_SHARE = 0.01
STILL = 0.02
"""A normalized standard deviation below this: the channel moves 50 times less than in the base's data."""
LOOKED_AT = 20_000
"""Frames, evenly spaced, whose chunks are looked at."""


def statistics_warnings(frames: Frames, spec: PolicySpec) -> list[str]:
    """One sentence per channel of which more than 1 % of the values lie far outside what the base was trained on, and
    one for all that hardly move.

    Such data cannot be mended by new statistics: the base and the finetuned policy would then speak in different units,
    and interpolating their weights would mix the units.
    """
    state_names = [f"state {channel.name}" for channel in spec.state]
    # H rows for every frame: all of a large dataset's would not fit into memory.
    looked_at = np.arange(0, len(frames), 1 + len(frames) // LOOKED_AT)
    action_names = [f"action {channel.name}" for channel in spec.action]
    state, action = frames.state, relative_rows(frames, spec, looked_at)
    return [
        *_far(state, spec.normalization.state, state_names),
        *_far(action, spec.normalization.action, action_names),
        *_still(
            {
                **_moves(state, spec.normalization.state, state_names),
                **_moves(action, spec.normalization.action, action_names),
            }
        ),
    ]


def adopt_statistics(policy: "Policy", data: Sequence[Frames]) -> None:
    """Give a policy the statistics of data as its units, every frame counted once, in place.

    Its weights then speak in units that are not the base's, so the two cannot be merged; `retain merge` refuses it.
    """
    spec = policy.spec
    state = np.concatenate([frames.state for frames in data])
    action = np.concatenate([relative_rows(frames, spec) for frames in data])
    if policy.sidecars:
        found = {STATE: vector_statistics(state), ACTION: vector_statistics(action)}
        policy.sidecars = with_statistics(policy.sidecars, found)
        policy.spec = spec_of(policy.sidecars)
        return
    policy.spec = replace(spec, normalization=Normalization(Affine.from_samples(state), Affine.from_samples(action)))


def _far(values: FloatArray, affine: Affine, names: list[str]) -> list[str]:
    shares = (np.abs(affine.normalize(values)) > FAR).mean(axis=0)
    return [
        f"{share:.0%} of the values of {name} are more than {FAR:g} standard deviations from the base's mean; "
        f"is it in the base's unit and zero?"
        for name, share in zip(names, shares, strict=True)
        if share > TOLERATED_SHARE
    ]


def _moves(values: FloatArray, affine: Affine, names: list[str]) -> dict[str, float]:
    """How far each channel moves, in the base's standard deviations; those that never do are no question of units."""
    spread = affine.normalize(values).astype(np.float64).std(axis=0)
    return {name: float(share) for name, share in zip(names, spread, strict=True) if 0 < share < STILL}


def _still(moves: dict[str, float]) -> list[str]:
    if not moves:
        return []
    more = f" and {len(moves) - 1} more" if len(moves) > 1 else ""
    sentence = (
        f"{next(iter(moves))}{more} hardly move ({min(moves.values()):.2g} of the base's standard deviation); are they"
        " in the base's unit? radians look so to a base of degrees (every channel: retain inspect DATA --policy BASE)"
    )
    return [sentence]
