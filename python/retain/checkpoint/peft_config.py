"""adapter_config.json of a PEFT adapter: whether it is plain LoRA, and every module's rank and scale.

Read from PEFT 0.18 (peft/tuners/lora/config.py, model.py). Whatever changes what the adapter does, and is not
ΔW = lora_alpha/r · B·A, is refused by name; so is every setting that later versions may bring, unless it is off.
"""

import math
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from retain.checkpoint.json_object import read_json_object, shorten
from retain.errors import CheckpointError

ADAPTER_CONFIG = "adapter_config.json"

_READ = frozenset({
    "peft_type", "r", "lora_alpha", "rank_pattern", "alpha_pattern", "modules_to_save", "init_lora_weights", "bias",
})  # fmt: skip
_NO_MATTER = frozenset({
    # where it comes from and how it was trained
    "auto_mapping", "base_model_name_or_path", "inference_mode", "lora_dropout", "peft_version", "revision",
    "runtime_config", "task_type",
    # which modules have one: the tensors tell
    "exclude_modules", "layers_pattern", "layers_to_transform", "target_modules",
    # in force only with init_lora_weights, use_qalora, megatron_config or modules_to_save
    "corda_config", "eva_config", "loftq_config", "lora_ga_config", "qalora_group_size", "megatron_core",
    "ensure_weight_tying",
})  # fmt: skip
_WHY = {
    "use_rslora": "scales by lora_alpha/√r",
    "use_dora": "rescales the columns of the sum (DoRA)",
    "fan_in_fan_out": "stores weights transposed",
    "lora_bias": "adds a bias to B",
    "use_qalora": "averages the inputs of A",
    "alora_invocation_tokens": "is in force for some tokens only (aLoRA)",
    "arrow_config": "chooses between adapters at run time",
    "layer_replication": "repeats layers of the base",
    "trainable_token_indices": "replaces rows of the embedding",
    "target_parameters": "changes parameters that are not the weight of a module",
    "megatron_config": "splits layers between processes",
}
MEND = "load it with PEFT, fold it into its base with merge_and_unload(), and give the full policy that it saves"
_Value = TypeVar("_Value", int, float)
_MAX_PATTERNS = 10_000
_MAX_PATTERN = 1000
_MAX_REPEATS = 4  # patterns are names or nearly so; a regular expression from elsewhere could take forever


@dataclass(frozen=True)
class LoraConfig:
    """What of adapter_config.json the weights cannot tell.

    Attributes:
        file: Where it was read, for messages.
        rank: r, where no pattern says otherwise.
        alpha: lora_alpha, where no pattern says otherwise.
        ranks: rank_pattern, compiled.
        alphas: alpha_pattern, compiled.
        saved_modules: modules_to_save.
        base: base_model_name_or_path, or "".
    """

    file: Path
    rank: int
    alpha: float
    ranks: Mapping[re.Pattern[str], int]
    alphas: Mapping[re.Pattern[str], float]
    saved_modules: tuple[str, ...]
    base: str

    def rank_and_scale(self, module: str) -> tuple[int, float]:
        """Rank and lora_alpha / rank of a module, given its path in the base.

        As in PEFT, the first pattern that matches the path's end decides, of ranks and of alphas each.
        """
        rank = next((rank for pattern, rank in self.ranks.items() if pattern.match(module)), self.rank)
        alpha = next((alpha for pattern, alpha in self.alphas.items() if pattern.match(module)), self.alpha)
        return rank, alpha / rank

    def is_saved(self, path: str) -> bool:
        """Whether a parameter belongs to a module of modules_to_save; as in PEFT, the end of its path names it."""
        return any(f"{module}." in path for module in self.saved_modules)


def read_lora_config(file: Path) -> LoraConfig:
    """Read adapter_config.json.

    Raises:
        CheckpointError: It is not that of a plain LoRA adapter; the message names the setting and what to do.
    """
    config = read_json_object(file)
    kind = config.get("peft_type")
    if kind != "LORA":
        raise CheckpointError(f"{file} has the peft_type {shorten(kind)}, and only LORA is read; {MEND}")
    for name, value in config.items():
        if name in _READ or name in _NO_MATTER or not value:
            continue
        why = _WHY.get(name, "is not known here, so that what it changes cannot be said")
        raise CheckpointError(f"{file} sets {name[:80]} to {shorten(value, 40)}, which {why}; {MEND}")
    if config.get("bias", "none") != "none":
        raise CheckpointError(f"{file} sets bias to {shorten(config['bias'], 40)}, which trains biases too; {MEND}")
    _check_initialization(file, config.get("init_lora_weights", True))
    return LoraConfig(
        file=file,
        rank=_rank(file, "r", config.get("r")),
        alpha=_alpha(file, "lora_alpha", config.get("lora_alpha")),
        ranks=_patterns(file, "rank_pattern", config.get("rank_pattern"), _rank),
        alphas=_patterns(file, "alpha_pattern", config.get("alpha_pattern"), _alpha),
        saved_modules=_names(file, config.get("modules_to_save")),
        base=_text(config.get("base_model_name_or_path")),
    )


def _check_initialization(file: Path, value: Any) -> None:
    """PiSSA, OLoRA, CorDA, LoftQ and LoRA-GA begin by changing the base's weights; their ΔW is not the base's."""
    if isinstance(value, bool) or (isinstance(value, str) and value.lower() == "gaussian"):
        return
    raise CheckpointError(
        f"{file} sets init_lora_weights to {shorten(value, 40)}, and only true, false and gaussian are sure to begin "
        f"from the base's own weights; {MEND}"
    )


def _rank(file: Path, name: str, value: Any) -> int:
    if type(value) is not int or not 0 < value < 1 << 31:
        raise CheckpointError(f"{file} sets {name} to {shorten(value, 40)}, not to a rank of 1 or more; copy it again")
    return value


def _alpha(file: Path, name: str, value: Any) -> float:
    if type(value) not in (int, float) or not abs(value) < 1e9 or math.isnan(value):
        raise CheckpointError(f"{file} sets {name} to {shorten(value, 40)}, not to a number; copy it again")
    return float(value)


def _patterns(
    file: Path, name: str, value: Any, read: Callable[[Path, str, Any], _Value]
) -> dict[re.Pattern[str], _Value]:
    if value is None:
        return {}
    if not isinstance(value, dict) or len(value) > _MAX_PATTERNS:
        raise CheckpointError(
            f"{file} sets {name} to something else than an object of at most {_MAX_PATTERNS} entries; copy it again"
        )
    return {
        _compile(file, name, pattern): read(file, f"{name} of {shorten(pattern, 40)}", entry)
        for pattern, entry in value.items()
    }


def _compile(file: Path, name: str, pattern: str) -> re.Pattern[str]:
    repeats = len(re.findall(r"[*+{]", pattern))
    if len(pattern) > _MAX_PATTERN or repeats > _MAX_REPEATS or re.search(r"\)[*+?{]|\\\d|\(\?", pattern):
        raise CheckpointError(
            f"{file} has the pattern {shorten(pattern, 40)} in {name}, whose matching could take forever; "
            "write the modules' names there instead"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "[[" will mean something else in some later Python
            return re.compile(rf"(.*\.)?({pattern})$")  # PEFT's get_pattern_key
    except (re.error, OverflowError, RecursionError) as error:
        raise CheckpointError(
            f"{file} has the pattern {shorten(pattern, 40)} in {name}, which is not a regular expression: {error}"
        ) from error


def _names(file: Path, value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
        raise CheckpointError(f"{file} has a modules_to_save that is not a list of names; copy it again")
    return tuple(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
