"""A TensorRT whose engine is a dictionary of weights: what refitting hands over can be read out of its plans."""

import ctypes
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
from retain.engine.gpu import Gpu
from retain.export.tensorrt.build import Target
from retain.export.tensorrt.flavour import Flavour
from safetensors.numpy import load, save

SIZES = {"FLOAT": 4, "BF16": 2, "HALF": 2, "INT64": 8, "INT32": 4, "BOOL": 1}
ORIN = Gpu("Orin", "8.7", "12.6")


class Logger:
    Severity = SimpleNamespace(ERROR=1, INTERNAL_ERROR=0)


class Weights:
    def __init__(self, data_type: str, address: int, count: int) -> None:
        self.bytes = ctypes.string_at(address, count * SIZES[data_type])


class SerializationConfig:
    def __init__(self) -> None:
        self.flags: set[str] = {"EXCLUDE_WEIGHTS"}

    def clear_flag(self, flag: str) -> None:
        self.flags.discard(flag)

    def set_flag(self, flag: str) -> None:
        self.flags.add(flag)


class Engine:
    def __init__(self, plan: bytes) -> None:
        self.weights = {name: values.tobytes() for name, values in load(plan).items()}

    def create_serialization_config(self) -> SerializationConfig:
        return SerializationConfig()

    def serialize_with_config(self, config: SerializationConfig) -> bytes:
        assert config.flags == {"INCLUDE_REFIT"}
        return plan(self.weights)


def plan(weights: dict[str, bytes]) -> bytes:
    """An engine file of the stand-in."""
    return save({name: np.frombuffer(values, np.uint8) for name, values in weights.items()})


class Refitter:
    """As TensorRT's: `folded` names constants that it wants together with the weights."""

    folded: tuple[str, ...] = ()

    def __init__(self, engine: Engine, logger: Any) -> None:
        self._engine = engine
        self._given: dict[str, bytes] = {}

    def get_all_weights(self) -> list[str]:
        return list(self._engine.weights)

    def get_missing_weights(self) -> list[str]:
        return [name for name in self.folded if name not in self._given]

    def set_named_weights(self, name: str, weights: Weights) -> bool:
        known = self._engine.weights.get(name)
        if known is not None and len(known) != len(weights.bytes):
            return False
        self._given[name] = weights.bytes
        return True

    def refit_cuda_engine(self) -> bool:
        if self.get_missing_weights():
            return False
        self._engine.weights.update(
            {name: values for name, values in self._given.items() if name in self._engine.weights}
        )
        return True


class Runtime:
    def __init__(self, logger: Any) -> None:
        pass

    def deserialize_cuda_engine(self, plan: bytes) -> Engine | None:
        return None if plan == b"of another release" else Engine(plan)


def orin(*folded: str) -> Target:
    """The stand-in on a Jetson Orin."""
    module = ModuleType("tensorrt")
    refitter = type("Refitter", (Refitter,), {"folded": folded})
    types = SimpleNamespace(**{name: name for name in SIZES})
    flags = SimpleNamespace(EXCLUDE_WEIGHTS="EXCLUDE_WEIGHTS", INCLUDE_REFIT="INCLUDE_REFIT")
    for name, value in {
        "__version__": "10.3.0.30", "ILogger": Logger, "Weights": Weights, "Runtime": Runtime, "Refitter": refitter,
        "DataType": types, "SerializationFlag": flags,
    }.items():  # fmt: skip
        setattr(module, name, value)
    return Target(Flavour("tensorrt", module), ORIN.compute_capability, ORIN)
