"""What LeRobot's config.json does not say of a policy: names, units and timing of its channels."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, ValidationError

from retain.errors import PolicyError

DESCRIPTION_FILE = "retain.json"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class StateName(_Part):
    """One number of observation.state."""

    name: str = Field(min_length=1)
    unit: str


class ActionName(_Part):
    """One number of action."""

    name: str = Field(min_length=1)
    unit: str
    mode: Literal["absolute", "delta"] = "absolute"
    """"delta": rows are relative to the state channel of the same name at the observation."""
    interpolation: Literal["linear", "hold"] = "linear"


class Description(_Part):
    """`retain.json`, schema version 1."""

    schema_version: Literal[1] = 1
    dt_s: PositiveFloat
    """Seconds per action row: one over the frame rate of the data."""
    state: tuple[StateName, ...]
    action: tuple[ActionName, ...]
    max_trained_delay: int = Field(default=0, ge=0)
    """Rows of the running chunk that training has shown the policy. LeRobot's own training shows none, but a π0.5's
    that was told so."""

    @classmethod
    def read(cls, directory: Path) -> "Description":
        """Read a directory's description.

        Raises:
            PolicyError: It has none, or a malformed one.
        """
        path = directory / DESCRIPTION_FILE
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError as error:
            raise PolicyError(
                f"{directory} is a LeRobot policy, which does not say how its channels are called, in which unit, and"
                f" how fast rows follow each other; say it once: retain adopt {directory} --data DATASET -o OUT"
            ) from error
        except OSError as error:
            raise PolicyError(f"cannot read {path}: {error.strerror}") from error
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            raise PolicyError(f"{path}: {where}: {first['msg']}; write it again with retain adopt") from error

    def to_bytes(self) -> bytes:
        """The contents of `retain.json`."""
        return (self.model_dump_json(indent=2) + "\n").encode()

    def write(self, directory: Path) -> None:
        """Write `retain.json`."""
        (directory / DESCRIPTION_FILE).write_bytes(self.to_bytes())
