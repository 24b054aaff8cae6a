"""What a check found: one line of the doctor's table."""

from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any


class Status(str, Enum):
    """How a thing stands. `ABSENT`: it isn't there or can't be seen here, so nothing is claimed about it."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"
    ABSENT = "absent"


@dataclass(frozen=True)
class Finding:
    """One line.

    Attributes:
        what: The thing, in two or three words.
        status: How it stands. `BAD`: the loop breaks a promise of docs/run.md, or a device cannot be used.
        found: What is there.
        expected: What should be there; empty where anything is fine.
        mend: The command that mends it; empty where nothing needs mending.
        realtime: Whether it bears on the tick's timing, and so belongs beside every figure about it.
    """

    what: str
    status: Status
    found: str
    expected: str = ""
    mend: str = ""
    realtime: bool = False

    def to_json(self) -> dict[str, Any]:
        """The line as a JSON object."""
        return {**asdict(self), "status": self.status.value}
