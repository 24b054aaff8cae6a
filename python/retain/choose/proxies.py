"""What can be known of a merge without a single rollout: errors on demonstrations, and how far it drifts from the base.

Every α sees the same observations, noise and flow times, merged on the fly into one live policy.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from retain.choose.observations import Observations, observe
from retain.data import Dataset
from retain.errors import EvaluationError
from retain.evaluate.interpolate import Alpha, per_component
from retain.finetune.cameras import adopt_picture_sizes
from retain.finetune.renames import Renames
from retain.merge.into import into
from retain.policy import Policy, load_policy, resolve
from retain.policy.lerobot import FAMILIES

VLA_FRAMES = 8
"""Frames that a LeRobot policy computes at once."""

Chunks = NDArray[np.float32]
"""float32 [N, n, A]: the rows of N chunks that are executed, in the policy's normalized units."""


@dataclass(frozen=True)
class Proxies:
    """What was measured at one α. Errors and distances are root mean squares over rows and channels, in the base's
    normalized units: 1 is one standard deviation of the actions that the base was trained on.

    Attributes:
        alpha: Component and α.
        target_error: Executed rows against the demonstrated ones, on held-out demonstrations of the new skill.
        target_loss: The training loss there.
        generalist_error, generalist_loss: The same on data of old tasks.
        drift: Executed rows against the base's, on old observations with their own instructions.
        strange_drift: The same on old observations under the new instruction: the new skill where nobody showed it.
        strange_gap: There, against the finetuned policy's rows.
        spread: There, between the rows for two draws of the noise: how undecided the policy is.
    """

    alpha: tuple[tuple[str, float], ...]
    target_error: float
    target_loss: float
    generalist_error: float
    generalist_loss: float
    drift: float
    strange_drift: float
    strange_gap: float
    spread: float


@dataclass(frozen=True)
class ProxyTable:
    """All α of one pair of policies.

    Attributes:
        base, finetuned: Their paths.
        rows: By α, as they were asked for; α = 0 and α = 1 are always among them.
        target_barrier, generalist_barrier: The largest height of the loss above the straight line between the ends,
            over the rows in which all components share one α (linear mode connectivity, arXiv 1912.05671).
    """

    base: str
    finetuned: str
    rows: tuple[Proxies, ...]
    target_barrier: float
    generalist_barrier: float

    def at(self, alpha: Alpha) -> Proxies:
        """The row of an α.

        Raises:
            EvaluationError: It was not measured.
        """
        wanted = tuple(per_component(alpha).items())
        for row in self.rows:
            if row.alpha == wanted:
                return row
        raise EvaluationError(f"α = {dict(wanted)} was not measured; it was not among the ones asked for")

    def to_json(self) -> dict[str, Any]:
        """Everything as plain values."""
        return asdict(self)


def measure_proxies(
    base: str | Path,
    finetuned: Path,
    alphas: Sequence[Alpha],
    *,
    target: Path,
    generalist: Path,
    frames: int = 128,
    seed: int = 0,
    renames: Renames | None = None,
    progress: Callable[[int], None] | None = None,
) -> ProxyTable:
    """Measure every α between two policies.

        table = measure_proxies("compact-base", Path("finetuned"), [0.2, 0.4, 0.6, 0.8],
                                target=Path("held-out-demos"), generalist=Path("old-data"))
        recommend(table)

    Args:
        base: α = 0.
        finetuned: α = 1.
        alphas: What to measure; the two ends are added where they are missing.
        target: Demonstrations of the new skill that finetuning has not seen (LeRobotDataset).
        generalist: Episodes of old tasks (LeRobotDataset).
        frames: Observations drawn from each.
        seed: Draws observations, noise and flow times.
        renames: The data's names where they are not the policy's, as for finetuning.
        progress: Called with 1 after each α.

    Raises:
        EvaluationError: An α is impossible, or there are no observations.
        DatasetError: A dataset does not fit the policy.
        MergeError: The two policies cannot be merged.
    """
    policy, data, renames = load_policy(base), Dataset(target), renames or Renames()
    adopt_picture_sizes(policy, data, renames)  # as finetuning on such data did, and as the merged policy is asked
    new = observe(data, policy, frames, seed, renames)
    old = observe(Dataset(generalist), policy, frames, seed + 1, renames)
    strange = old.told(new.instructions[0])
    asked = dict.fromkeys(tuple(per_component(alpha).items()) for alpha in [0.0, *alphas, 1.0])

    def merged(alpha: tuple[tuple[str, float], ...]) -> None:
        into(policy, resolve(base), finetuned, dict(alpha), threads=1)

    ends = {}
    for end in (0.0, 1.0):
        merged(tuple(per_component(end).items()))
        ends[end] = (_chunks(policy, old, seed), _chunks(policy, strange, seed))
    rows = []
    for alpha in asked:
        merged(alpha)
        on_new, on_old, on_strange = (_chunks(policy, seen, seed) for seen in (new, old, strange))
        rows.append(
            Proxies(
                alpha=alpha,
                target_error=_rms(on_new, _executed(policy, new)),
                target_loss=_loss(policy, new, seed),
                generalist_error=_rms(on_old, _executed(policy, old)),
                generalist_loss=_loss(policy, old, seed),
                drift=_rms(on_old, ends[0.0][0]),
                strange_drift=_rms(on_strange, ends[0.0][1]),
                strange_gap=_rms(on_strange, ends[1.0][1]),
                spread=_rms(on_strange, _chunks(policy, strange, seed + 1)),
            )
        )
        if progress is not None:
            progress(1)
    barriers = [_barrier(rows, name) for name in ("target_loss", "generalist_loss")]
    return ProxyTable(str(base), str(finetuned), tuple(rows), *barriers)


def _chunks(policy: Policy, seen: Observations, seed: int) -> Chunks:
    """The executed rows for a fixed noise, normalized."""
    spec = policy.spec
    noise = np.random.default_rng(seed).standard_normal((len(seen), spec.horizon, spec.action_width), dtype=np.float32)
    absolute = np.concatenate(
        [
            policy.predict_chunk(
                {role: pictures[part] for role, pictures in seen.images.items()},
                seen.state[part],
                seen.instructions[part],
                noise[part],
            )
            for part in _parts(policy, len(seen))
        ]
    )
    return spec.encode_actions(absolute, seen.state)[:, : spec.n_action_steps]


def _executed(policy: Policy, seen: Observations) -> Chunks:
    """What was demonstrated, in the rows that are executed."""
    rows: Chunks = seen.batch.actions.numpy()[:, : policy.spec.n_action_steps]
    return rows


def _loss(policy: Policy, seen: Observations, seed: int) -> float:
    generator = torch.Generator().manual_seed(seed)
    total = 0.0
    with torch.no_grad():
        for part in _parts(policy, len(seen)):
            total += float(policy.loss(seen.batch.rows(part), generator)) * (part.stop - part.start)
    return total / len(seen)


def _parts(policy: Policy, count: int) -> list[slice]:
    """Observations that are computed at once: a VLA's pictures become a gigabyte of activations each few frames."""
    size = VLA_FRAMES if policy.spec.family in FAMILIES else count
    return [slice(first, min(first + size, count)) for first in range(0, count, size)]


def _rms(one: Chunks, other: Chunks) -> float:
    return float(np.sqrt(np.mean(np.square(one.astype(np.float64) - other))))


def _barrier(rows: Sequence[Proxies], name: str) -> float:
    """The largest loss(α) − [(1 − α)·loss(0) + α·loss(1)], at least 0."""
    line: dict[float, float] = {
        row.alpha[0][1]: getattr(row, name) for row in rows if len({value for _, value in row.alpha}) == 1
    }
    heights = [loss - ((1 - alpha) * line[0.0] + alpha * line[1.0]) for alpha, loss in line.items()]
    return max(0.0, *heights)
