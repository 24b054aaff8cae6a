"""One fault of a dataset: what was found, where, and what mends it."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Literal

Severity = Literal["broken", "suspicious"]

MOST = 5
"""As many findings of one kind are told one by one; the rest are counted."""


@dataclass(frozen=True)
class Finding:
    """A fault.

    Attributes:
        severity: `broken`: training on it fails or learns something wrong. `suspicious`: may be meant; look at it.
        check: Which check found it, such as `video`.
        message: What was found.
        mend: What to do.
        episode: Where, if in one episode.
        frame: Number of the frame within the episode.
        channel: Such as `action[elbow]`.
        file: Path of the file.
    """

    severity: Severity
    check: str
    message: str
    mend: str
    episode: int | None = None
    frame: int | None = None
    channel: str | None = None
    file: str | None = None

    def __str__(self) -> str:
        """As one sentence."""
        return f"{self.message}; {self.mend}"

    def as_json(self) -> dict[str, Any]:
        """Plain values; what does not apply is left out."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def first_few(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The first `MOST` findings, then one that counts the rest, as severe as the first of them."""
    findings = iter(findings)
    yield from islice(findings, MOST)
    rest = list(findings)
    if len(rest) == 1:
        yield rest[0]
    elif rest:
        first = rest[0]
        yield Finding(
            first.severity, first.check, f"{len(rest)} more of the same kind, next: {first.message}", first.mend
        )
