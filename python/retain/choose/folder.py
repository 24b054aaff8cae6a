"""Where a sweep keeps what it found, so that the same command goes on where it was interrupted."""

from dataclasses import dataclass
from pathlib import Path

from retain.errors import EvaluationError

_MARK = ".retain-sweep"


@dataclass(frozen=True)
class SweepFolder:
    """The output folder of `retain sweep`.

    Attributes:
        path: The folder.
    """

    path: Path

    def claim(self) -> None:
        """Make the folder, or go on in one of an earlier sweep.

        Raises:
            EvaluationError: There is something else.
        """
        if self.path.is_file() or (self.path.is_dir() and any(self.path.iterdir()) and not self._mark.is_file()):
            raise EvaluationError(f"{self.path} exists and is not an earlier sweep's folder; give another -o folder")
        self.path.mkdir(parents=True, exist_ok=True)
        self._mark.write_text("made by `retain sweep`\n", encoding="utf-8")

    @property
    def _mark(self) -> Path:
        return self.path / _MARK

    @property
    def outcomes(self) -> Path:
        """Every outcome of every candidate; what a resumed sweep reads."""
        return self.path / "outcomes.parquet"

    @property
    def choice(self) -> Path:
        """The choice, for a script."""
        return self.path / "choice.json"

    @property
    def report(self) -> Path:
        """The choice, for a person."""
        return self.path / "report.html"

    def picture(self, name: str) -> Path:
        """A PNG of the report."""
        return self.path / f"{name}.png"
