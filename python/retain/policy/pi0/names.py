"""The names of π0's and π0.5's tensors: which may stand for each other, and LeRobot's for openpi's."""

from collections.abc import Mapping

_PALIGEMMA = "model.paligemma_with_expert.paligemma."
_WORDS, _HEAD = f"{_PALIGEMMA}model.language_model.embed_tokens.weight", f"{_PALIGEMMA}lm_head.weight"
TIED: Mapping[str, str] = {_WORDS: _HEAD, _HEAD: _WORDS}
"""The word table and PaliGemma's head: published checkpoints have one of them (3.62 of π0.5's 4.14 billion numbers)."""


def lerobot_name(name: str, family: str) -> str:
    """What LeRobot calls a tensor of openpi's PyTorch files.

    openpi's names lack the leading `model.`; files from before the families parted call π0's time MLP as π0.5's is
    called (`_fix_pytorch_state_dict_keys` in both sources).

    Args:
        name: openpi's.
        family: `pi0` or `pi05`.
    """
    old = family == "pi0" and name.startswith("time_mlp_")
    return f"model.action_{name}" if old else f"model.{name}"
