"""From the path that was given to the directory that holds the weights, where training tools nest them."""

from dataclasses import dataclass
from pathlib import Path

from retain.checkpoint.peft_config import ADAPTER_CONFIG
from retain.errors import CheckpointError

PICKLED = (".pt", ".pth", ".bin", ".ckpt", ".pkl")
"""Endings of files that are, or may be, pickles."""

_POLICY = "pretrained_model"
_POLICY_EMA = "pretrained_model_ema"
_ADAPTER = "lora_adapter"
_ORBAX = ("_CHECKPOINT_METADATA", "_METADATA", "manifest.ocdbt")
_JAX_CONVERTER = "examples/convert_jax_model_to_pytorch.py"


@dataclass(frozen=True)
class Place:
    """Where things are.

    Attributes:
        weights: The directory with the weight files.
        directory: The directory with what belongs to them.
        notes: What was chosen, one sentence each.
    """

    weights: Path
    directory: Path
    notes: tuple[str, ...] = ()


def locate(path: Path) -> Place:
    """Find the weights that a directory stands for.

    LeRobot's step directories hold the policy below, with and without averaging over the training (EMA); the averaged
    one is what is meant to be run. OpenVLA-OFT's hold the adapter below and the statistics beside it.

    Raises:
        CheckpointError: They are in a format that is not read; the message names its converter.
    """
    place = _inside(path)
    if not _has_weights(place.weights):
        _refuse_other_formats(place.weights)
    return place


def _inside(path: Path) -> Place:
    if _has_weights(path):
        name = path.absolute().name
        averaged = name == _POLICY and path.absolute().with_name(_POLICY_EMA).is_dir()
        note = f"read as asked, though averaged (EMA) weights lie beside it in {_POLICY_EMA}"
        return Place(path, path, (note,) if averaged else ())
    if (path / _POLICY_EMA).is_dir():
        note = f"read the averaged (EMA) weights in {_POLICY_EMA}; for the others give {_POLICY}"
        return Place(path / _POLICY_EMA, path / _POLICY_EMA, (note,))
    if (path / _POLICY).is_dir():
        note = f"read the weights in {_POLICY}; there are no averaged (EMA) ones"
        return Place(path / _POLICY, path / _POLICY, (note,))
    if (path / _ADAPTER / ADAPTER_CONFIG).is_file():
        note = f"read the adapter in {_ADAPTER}; there are no weights beside it that it is already in"
        return Place(path / _ADAPTER, path, (note,))
    return Place(path, path)


def _has_weights(path: Path) -> bool:
    endings = (".safetensors", ".safetensors.index.json", ".bin.index.json")
    names = (file.name for file in path.iterdir())
    return any(
        (name.endswith(endings) and not name.startswith("policy_")) or name in (ADAPTER_CONFIG, "pytorch_model.bin")
        for name in names
    )


def _refuse_other_formats(path: Path) -> None:
    if any((folder / mark).exists() for folder in (path, path / "params") for mark in _ORBAX):
        raise CheckpointError(
            f"{path} is a JAX checkpoint (Orbax), which is not read; convert it with openpi's {_JAX_CONVERTER}"
        )
    if (path / "pytorch_model_fsdp_0").is_dir():
        raise CheckpointError(
            f"{path} holds the shards of a distributed training run (DCP), which are not read; "
            "convert them with lerobot-convert-dcp"
        )
    if (path / "checkpoints" / "last").exists():
        raise CheckpointError(f"{path} is a training run, not a policy; give {path / 'checkpoints' / 'last'}")
    steps = sorted(path.glob("checkpoint-*"), key=lambda step: (len(step.name), step.name))
    if steps:
        raise CheckpointError(f"{path} is a training run, not a policy; give one of its steps, as {steps[-1]}")
