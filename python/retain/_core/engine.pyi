from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

class Graph:
    def __init__(
        self,
        file: Path,
        inputs: Sequence[tuple[str, str, Sequence[int]]],
        outputs: Sequence[tuple[str, str, Sequence[int]]],
    ) -> None: ...

class ImageSpec:
    @property
    def role(self) -> str: ...
    @property
    def height(self) -> int: ...
    @property
    def width(self) -> int: ...

class EngineInfo:
    @property
    def description(self) -> str: ...
    @property
    def images(self) -> list[ImageSpec]: ...
    @property
    def max_tokens(self) -> int: ...
    @property
    def state_dim(self) -> int: ...
    @property
    def horizon(self) -> int: ...
    @property
    def action_dim(self) -> int: ...
    @property
    def regresses(self) -> bool: ...

class Engine:
    @property
    def info(self) -> EngineInfo: ...

class PlanMachine:
    def __init__(self, *, gpu: str, compute_capability: str, version: str, precision: str, rebuild: str) -> None: ...

def tensorrt_version(*, module: Path, library: Path | None = None) -> str: ...

class TensorRtEngine(Engine):
    def __init__(
        self,
        prefix: Graph,
        step: Graph | None,
        *,
        built_for: PlanMachine,
        module: Path,
        library: Path | None = None,
    ) -> None: ...
    def prefix(
        self,
        images: Sequence[npt.NDArray[np.generic]],
        tokens: npt.NDArray[np.generic],
        token_mask: npt.NDArray[np.generic],
        state: npt.NDArray[np.generic],
    ) -> None: ...
    def step(self, x: npt.NDArray[np.float32], t: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]: ...
    def regressed(self) -> npt.NDArray[np.float32]: ...
    def prefix_output(self, name: str) -> npt.NDArray[np.generic]: ...

class OnnxRuntimeEngine(Engine):
    def __init__(
        self,
        prefix: Graph,
        step: Graph | None,
        *,
        library: Path,
        threads: int = 1,
        provider: str = "cpu",
        provider_options: Mapping[str, str] = ...,
        optimize: bool = True,
    ) -> None: ...
    def prefix(
        self,
        images: Sequence[npt.NDArray[np.generic]],
        tokens: npt.NDArray[np.generic],
        token_mask: npt.NDArray[np.generic],
        state: npt.NDArray[np.generic],
    ) -> None: ...
    def step(self, x: npt.NDArray[np.float32], t: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]: ...
    def regressed(self) -> npt.NDArray[np.float32]: ...
    def prefix_output(self, name: str) -> npt.NDArray[np.generic]: ...
