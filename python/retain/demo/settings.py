"""How large a demo is, and where its parts lie."""

from dataclasses import dataclass
from pathlib import Path

from retain.choose.folder import SweepFolder

TEST_SUITES = ("id", "ood-position", "ood-distractor", "ood-appearance", "ood-combined", "wording", "generalist")
"""What the main table reports. `ood-val` is not among them: the curve over α is drawn on it."""


@dataclass(frozen=True)
class DemoSettings:
    """A demo's size. The defaults take less than ten minutes on two cores.

    Attributes:
        output: Folder of everything the demo makes.
        skill: What is learnt, in words; a skill that the base has never seen.
        base: The pretrained policy.
        demonstrations: Episodes recorded in the narrow region.
        held_out: Demonstrations that finetuning does not see; α is chosen on them.
        old_episodes: Episodes of old tasks on which α is chosen too.
        steps: Of finetuning.
        batch_size: Of finetuning. Steps, batch and rate are those of the study (docs/evidence.md).
        learning_rate: Of finetuning.
        sweep_episodes: Per candidate and suite of the curve over α.
        episodes: Per cell of the main table.
        drives: Episodes driven by the C++ loop.
        drive_s: Longest time of one of them.
        workers: Processes that evaluate.
        seed: Of everything.
    """

    output: Path
    skill: str = "place the red block near right"
    base: str = "compact-base"
    demonstrations: int = 20
    held_out: int = 6
    old_episodes: int = 100
    steps: int = 160
    batch_size: int = 16
    learning_rate: float = 3e-4
    sweep_episodes: int = 30
    episodes: int = 100
    drives: int = 10
    drive_s: float = 8.0
    workers: int = 2
    seed: int = 0

    @property
    def dataset(self) -> Path:
        """The demonstrations."""
        return self.output / "demonstrations"

    @property
    def held_out_dataset(self) -> Path:
        """Demonstrations that finetuning does not see."""
        return self.output / "held-out"

    @property
    def old_dataset(self) -> Path:
        """Episodes of old tasks."""
        return self.output / "old"

    @property
    def finetuned(self) -> Path:
        """The finetuned policy."""
        return self.output / "finetuned"

    @property
    def bundle(self) -> Path:
        """The merged policy, exported."""
        return self.output / "bundle"

    @property
    def choice(self) -> SweepFolder:
        """The choice of α, its pictures and its own page."""
        return SweepFolder(self.output / "choice")

    @property
    def sweep(self) -> Path:
        """Every outcome of the curve over α."""
        return self.output / "sweep.parquet"

    @property
    def evaluation(self) -> Path:
        """Every outcome of the main table."""
        return self.output / "evaluation.parquet"

    @property
    def report(self) -> Path:
        """The page."""
        return self.output / "report.html"
