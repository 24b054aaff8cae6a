"""TensorRT's engines in a bundle, and the sidecar that says for which machine and which weights they were built.

`engines/<gpu>-sm<capability>-<flavour><version>-<precision>/{prefix,step}.engine` with `engine.json`.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, ValidationError

from retain.bundle.contents import Sha256
from retain.errors import BundleError

ENGINES = "engines"
SIDECAR_FILE = "engine.json"

FlavourName = Literal["tensorrt", "tensorrt-rtx"]
Precision = Literal["fp32", "bf16", "fp16"]


class Sidecar(BaseModel):
    """`engine.json`, schema version 1: what a plan is, and where it may run."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    schema_version: Literal[1] = 1
    flavour: FlavourName
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+")]
    """Of the library that built it, as in "10.3.0.30"; a plan runs in the same release only."""
    gpu: str
    """The driver's name of the GPU; "any" for a plan that was built without one."""
    compute_capability: Annotated[str, Field(pattern=r"^\d+\.\d$")]
    driver: str
    """The driver's CUDA version at the build, as in "12.6"; "none" for a plan that was built without a GPU."""
    precision: Precision
    atol: PositiveFloat
    """What the engine may be away from the golden outputs, in place of the manifest's: TensorRT's arithmetic is not
    float32's when `precision` is not."""
    refittable: bool
    graphs: dict[str, Sha256]
    """SHA-256 of each graph file that the plans were built from."""
    weights: Sha256
    """SHA-256 of the model.safetensors whose numbers are in the plans."""
    plans: dict[str, str]
    """File in this directory by role: "prefix", and "step" where the policy has one."""

    @classmethod
    def read(cls, folder: Path) -> "Sidecar":
        """Read a plan's sidecar.

        Raises:
            BundleError: It is missing or not one; the message names the field.
        """
        path = folder / SIDECAR_FILE
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise BundleError(f"cannot read {path}: {error.strerror}; build the engines again: --trt") from error
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"]) or "the file"
            raise BundleError(
                f"{path} is not a sidecar of schema version 1: {field}: {first['msg']}; build the engines again: --trt"
            ) from error

    def write(self, folder: Path) -> None:
        """Write `engine.json`: the same sidecar gives the same bytes."""
        (folder / SIDECAR_FILE).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @property
    def machine(self) -> str:
        """For messages: "Orin (compute capability 8.7) with TensorRT 10.3.0"."""
        return describe_machine(self.gpu, self.compute_capability, self.flavour, self.version)

    def runs_on(self, gpu: str, compute_capability: str, flavour: FlavourName, version: str) -> bool:
        """Whether a plan is for this GPU and this release of the library."""
        return (
            self.gpu in {gpu, "any"}
            and self.compute_capability == compute_capability
            and self.flavour == flavour
            and release(self.version) == release(version)
        )


def find_engines(bundle: Path) -> dict[Path, Sidecar]:
    """The engines of a bundle: directory to sidecar, in the order of their names; empty when there are none.

    Raises:
        BundleError: A directory under `engines/` has no readable sidecar.
    """
    folders = sorted(path for path in (bundle / ENGINES).glob("*") if path.is_dir())
    return {folder: Sidecar.read(folder) for folder in folders}


def describe_machine(gpu: str, compute_capability: str, flavour: FlavourName, version: str) -> str:
    """A GPU and a library in words."""
    library = "TensorRT" if flavour == "tensorrt" else "TensorRT-RTX"
    return f"{gpu} (compute capability {compute_capability}) with {library} {release(version)}"


def release(version: str) -> str:
    """The part of a version that a plan depends on: "10.3.0" of "10.3.0.30"."""
    return ".".join(version.split(".")[:3])
