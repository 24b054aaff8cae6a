"""openpi's PyTorch checkpoints under LeRobot's names.

openpi's names lack the leading `model.`. Its converter writes one of two tied tensors, the word table or the head of
PaliGemma; LeRobot keeps both. Files from before the families parted call π0's time MLP as π0.5's is called (both
sources have a `_fix_pytorch_state_dict_keys` for that).
"""

from collections.abc import Collection, Mapping

from retain.errors import PolicyError

_PALIGEMMA = "model.paligemma_with_expert.paligemma."
_WORDS, _HEAD = f"{_PALIGEMMA}model.language_model.embed_tokens.weight", f"{_PALIGEMMA}lm_head.weight"
TIED: Mapping[str, str] = {_WORDS: _HEAD, _HEAD: _WORDS}
"""The word table and PaliGemma's head: published checkpoints have one of them (3.62 of π0.5's 4.14 billion numbers)."""

_PREFIX = "model."


def openpi_sources(expected: Collection[str], found: Collection[str]) -> dict[str, str]:
    """Which tensor of openpi's fills which of ours; nothing is left over and nothing stays as it was initialized.

    Args:
        expected: Names in a policy's `state_dict()`, LeRobot's.
        found: Names in openpi's model.safetensors.

    Returns:
        For each expected name, the one to read. A tied tensor is read twice.

    Raises:
        PolicyError: A tensor is missing or left over; the message names the first.
    """
    sources = {name: _source(name, found) for name in expected}
    missing = sorted(name for name, source in sources.items() if source is None)
    left = sorted(set(found) - set(sources.values()))
    if missing or left:
        lacks = f"lacks {len(missing)} tensors (first: {missing[0].removeprefix(_PREFIX)})" if missing else ""
        has = f"has {len(left)} that this policy has not (first: {left[0]})" if left else ""
        raise PolicyError(
            f"openpi's model.safetensors {' and '.join(filter(None, (lacks, has)))}; config.json's variants and the"
            " weights must be of one policy"
        )
    return {name: source for name, source in sources.items() if source is not None}


def _source(name: str, found: Collection[str]) -> str | None:
    plain = name.removeprefix(_PREFIX)
    candidates = [plain, plain.replace("action_time_mlp_", "time_mlp_", 1)]
    if name in TIED:
        candidates.append(TIED[name].removeprefix(_PREFIX))
    return next((candidate for candidate in candidates if candidate in found), None)
