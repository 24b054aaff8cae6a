"""The policy of a whole line from its base and its finetuned ends, without a ledger."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from retain.continual.methods import METHODS, End, State
from retain.errors import MergeError
from retain.merge import MergeReport, StoredDType
from retain.merge.merge import Alpha


def merge_line(
    base: str | Path,
    ends: Sequence[str | Path],
    alphas: Alpha | Sequence[Alpha | None] | None,
    method: str,
    output: str | Path,
    *,
    dtype: StoredDType | None = None,
    threads: int | None = None,
    force: bool = False,
    sync: bool = True,
) -> MergeReport:
    """Make θ̃_n of a base and n finetuned policies, as a line of this method would have.

    Args:
        base: θ_0.
        ends: θ_ft,1 … θ_ft,n in the order in which they were learnt, each finetuned from where the method says.
        alphas: α of every skill, one for all, or None for the method's own.
        method: A key of `METHODS`.
        output: The policy directory to make.
        dtype: What float tensors are stored as; None keeps the base's.
        threads: How many threads; None takes as many as there are cores for this process.
        force: Replace an existing policy directory.
        sync: Return only when the output is on the disk.

    Returns:
        The report of the merge that made the output: of a sequence, the last.

    Raises:
        CheckpointError: A file is missing or broken.
        MergeError: The policies cannot be merged, there is no such method, or not one α for each end.
    """
    chosen = METHODS.get(method)
    if chosen is None:
        raise MergeError(f"there is no continual method {method!r}; expected one of {', '.join(METHODS)}")
    several = list(alphas) if isinstance(alphas, Sequence) else [alphas] * len(ends)
    if len(several) != len(ends):
        raise MergeError(f"found {len(several)} alphas for {len(ends)} finetuned policies; give one for each")
    shares = tuple(End(Path(end), alpha) for end, alpha in zip(ends, several, strict=True))
    place = Path(output)
    place.absolute().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.absolute().parent, prefix=".line.") as name:
        policy = Path(base)
        for count in range(1, len(shares) if chosen.incremental else 1):
            step = chosen.merge(State(Path(base), policy, shares[:count]), dtype)
            policy = Path(name) / str(count)
            step.write(policy, threads=threads, sync=False)
        last = chosen.merge(State(Path(base), policy, shares), dtype)
        return last.write(place, threads=threads, force=force, sync=sync)
