"""The tensors of a PEFT adapter: which weight of the base each pair of A and B changes, and what was trained whole."""

import re
from collections.abc import Mapping

from retain.checkpoint.checkpoint import Adapter
from retain.checkpoint.json_object import shorten
from retain.checkpoint.peft_config import MEND, LoraConfig
from retain.checkpoint.safetensors_header import Header, TensorInfo
from retain.errors import CheckpointError

_PREFIX = "base_model.model."
# PEFT leaves out the adapter's name ("default") when it saves; copies of a module's own state dictionary have it.
_FACTOR = re.compile(r"(?P<module>.+)\.lora_(?P<factor>[AB])(?:\.(?P<adapter>[^.]+))?\.weight")
_EMBEDDINGS = ("embed_tokens.weight", "lm_head.weight")  # PEFT saves them whole when the vocabulary was resized
_FLOATS = frozenset({"BF16", "F16", "F32", "F64"})


def read_adapters(header: Header, config: LoraConfig) -> tuple[dict[str, Adapter], dict[str, TensorInfo]]:
    """Sort an adapter's tensors.

    Args:
        header: Of adapter_model.safetensors.
        config: Of adapter_config.json.

    Returns:
        Low-rank changes by name of the base's weight, and fully trained tensors under the base's names.

    Raises:
        CheckpointError: A tensor is neither, or does not fit the others or the configuration.
    """
    pairs: dict[str, dict[str, TensorInfo]] = {}
    whole: dict[str, TensorInfo] = {}
    names: set[str] = set()
    for name, info in header.tensors.items():
        path = name.removeprefix(_PREFIX)
        match = _FACTOR.fullmatch(path)
        if path == name or (match is None and not _is_whole(path, config)):
            raise CheckpointError(_unknown(header, name))
        if match is None:
            whole[path] = info
            continue
        names.add(match["adapter"] or "")
        factors = pairs.setdefault(match["module"], {})
        if match["factor"] in factors:
            names.add("another")
        factors[match["factor"]] = info
    if len(names) > 1:
        raise CheckpointError(f"{header.file} holds several adapters; save the one that is meant by itself")
    adapters = {f"{module}.weight": _adapter(header, module, pair, config) for module, pair in pairs.items()}
    twice = next((name for name in adapters if name in whole), None)
    if twice is not None:
        raise CheckpointError(
            f"{header.file} holds {shorten(twice, 120)} both whole and as a low-rank change; save the adapter again"
        )
    return adapters, whole


def _is_whole(path: str, config: LoraConfig) -> bool:
    if "lora_" in path or ".base_layer." in path or ".modules_to_save." in path:
        return False
    return config.is_saved(path) or path in _EMBEDDINGS or path.endswith(tuple(f".{name}" for name in _EMBEDDINGS))


def _unknown(header: Header, name: str) -> str:
    if "lora_embedding_" in name:
        what = "a low-rank change of an embedding, whose factors are transposed"
    elif "lora_magnitude_vector" in name:
        what = "the magnitude of a DoRA adapter"
    elif name.endswith(".bias") and "lora_" in name:
        what = "the bias of a LoRA factor"
    elif not name.startswith(_PREFIX):
        what = f"which PEFT would have saved under a name that begins with {_PREFIX}"
    else:
        what = "neither a LoRA factor nor of a module in modules_to_save"
    return f"{header.file} holds {shorten(name, 120)}, {what}; {MEND}"


def _adapter(header: Header, module: str, factors: Mapping[str, TensorInfo], config: LoraConfig) -> Adapter:
    called = shorten(module, 120)
    for present, missing in (("A", "B"), ("B", "A")):
        if missing not in factors:
            raise CheckpointError(
                f"{header.file} holds lora_{present} of {called} without lora_{missing}; save the adapter again"
            )
    a, b = factors["A"], factors["B"]
    if len(a.shape) != 2 or len(b.shape) != 2:
        raise CheckpointError(
            f"{header.file} adapts {called} by factors of shapes {shorten(list(a.shape))} and "
            f"{shorten(list(b.shape))}, a convolution's, and only matrices are read; {MEND}"
        )
    if a.dtype != b.dtype or a.dtype not in _FLOATS:
        raise CheckpointError(
            f"{header.file} stores lora_A of {called} as {a.dtype} and lora_B as {b.dtype}; save both in one of "
            "bfloat16, float16 and float32"
        )
    rank, scale = config.rank_and_scale(module)
    if (a.shape[0], b.shape[1]) != (rank, rank) or 0 in (a.shape[1], b.shape[0]):
        raise CheckpointError(
            f"{header.file} has lora_A {list(a.shape)} and lora_B {list(b.shape)} for {called}, but {config.file.name} "
            f"says rank {rank}; copy both files of the adapter again"
        )
    return Adapter(a, b, rank, scale)
