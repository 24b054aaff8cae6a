"""How large a demo is, and where its parts lie."""

from dataclasses import dataclass
from pathlib import Path

TEST_SUITES = ("id", "ood-position", "ood-distractor", "ood-appearance", "ood-combined", "wording", "generalist")
"""What the main table reports. `ood-val` is not among them: α is chosen on it."""


@dataclass(frozen=True)
class DemoSettings:
    """A demo's size. The defaults take about six minutes on two cores.

    Attributes:
        output: Folder of everything the demo makes.
        skill: What is learnt, in words; a skill that the base has never seen.
        base: The pretrained policy.
        demonstrations: Episodes recorded in the narrow region.
        steps: Of finetuning.
        learning_rate: Of finetuning; high enough that forgetting can be seen.
        sweep_episodes: Per candidate and suite when α is chosen.
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
    steps: int = 400
    learning_rate: float = 3e-4
    sweep_episodes: int = 60
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
    def finetuned(self) -> Path:
        """The finetuned policy."""
        return self.output / "finetuned"

    @property
    def bundle(self) -> Path:
        """The merged policy, exported."""
        return self.output / "bundle"

    @property
    def sweep(self) -> Path:
        """Every outcome of the sweep."""
        return self.output / "sweep.parquet"

    @property
    def evaluation(self) -> Path:
        """Every outcome of the main table."""
        return self.output / "evaluation.parquet"

    @property
    def report(self) -> Path:
        """The page."""
        return self.output / "report.html"
