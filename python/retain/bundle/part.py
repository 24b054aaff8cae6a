"""What every part of a manifest keeps to: nothing unknown, nothing converted, nothing changed afterwards."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(min_length=1)]


class Part(BaseModel):
    """Frozen and strict: a field that is not known, of another type, or not finite is an error."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)
