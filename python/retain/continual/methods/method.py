"""What a continual method decides: where the next finetuning starts, what it sees again, how the ends are merged."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from retain.errors import MergeError
from retain.merge import MergeReport, Recipe, StoredDType, execute, prepare
from retain.merge.merge import Alpha, Finish
from retain.merge.stream import Progress

Removal = Literal["merge", "subtract", "retrain"]
"""How a skill leaves: the others are merged anew, its share is subtracted, or what came after it is trained anew."""


@dataclass(frozen=True)
class End:
    """A finetuned policy that brings a skill.

    Attributes:
        path: θ_ft,k.
        alpha: Its weight in the merge, for all tensors or by component; None leaves it to the method.
    """

    path: Path
    alpha: Alpha | None = None


@dataclass(frozen=True)
class State:
    """A skill line as its method sees it.

    Attributes:
        base: θ_0.
        policy: θ̃_{n−1}, what all skills but the newest made of it; the base if there are none.
        ends: Of the skills that are in it, the oldest first.
    """

    base: Path
    policy: Path
    ends: tuple[End, ...] = ()


@dataclass(frozen=True)
class MergeStep:
    """One merge: what is merged, and how. Nothing is read before it is carried out.

    `retain.merge.into.into` takes the same three things, for a merge in memory.

    Attributes:
        base: The policy at α = 0.
        finetuned: The others.
        recipe: How.
    """

    base: Path
    finetuned: tuple[Path, ...]
    recipe: Recipe

    def write(
        self,
        output: Path,
        *,
        threads: int | None = None,
        force: bool = False,
        sync: bool = True,
        progress: Progress | None = None,
        finish: Finish | None = None,
    ) -> MergeReport:
        """Carry it out; arguments and errors are those of `retain.merge.execute_all`."""
        plan = prepare(self.base, self.finetuned, self.recipe)
        return execute(plan, output, threads=threads, force=force, sync=sync, progress=progress, finish=finish)


class Method(Protocol):
    """A way to learn skill after skill. It knows paths and numbers only; reading and writing is done elsewhere."""

    @property
    def name(self) -> str:
        """What `--method` and the ledger call it."""
        ...

    @property
    def summary(self) -> str:
        """One line for `--help`, with the source."""
        ...

    @property
    def default_alpha(self) -> float | None:
        """α of a skill that was given none; None if it depends on how many skills there are."""
        ...

    @property
    def default_replay(self) -> float:
        """Share of every batch that the demonstrations of earlier skills get together."""
        ...

    @property
    def incremental(self) -> bool:
        """Whether θ̃_n is made of θ̃_{n−1}, and not of the base and the ends alone."""
        ...

    def start(self, state: State) -> Path:
        """Where the finetuning of one more skill begins."""
        ...

    def merge(self, state: State, dtype: StoredDType | None = None) -> MergeStep:
        """The merge that makes θ̃_n, once the newest end has been added to the state.

        Raises:
            MergeError: The ends' α cannot be combined.
        """
        ...

    def removal(self, index: int, skills: int) -> Removal:
        """How skill number `index` of so many can be taken out exactly."""
        ...


def replay_shares(replay: float, earlier: int) -> tuple[float, ...]:
    """The share of every batch that each earlier skill's demonstrations get: evenly, because none matters more.

    Args:
        replay: Share of all of them together, in [0, 1).
        earlier: How many skills there are.

    Raises:
        MergeError: The share is impossible.
    """
    if not 0.0 <= replay < 1.0:
        raise MergeError(f"the replay share is {replay:g}; it must be at least 0 and less than 1")
    return (replay / earlier,) * earlier if replay and earlier else ()


def newest(ends: Sequence[End]) -> End:
    """The end that was finetuned last.

    Raises:
        MergeError: There is none.
    """
    if not ends:
        raise MergeError("a merge needs a finetuned policy, and none was given; without one the policy is the base")
    return ends[-1]
