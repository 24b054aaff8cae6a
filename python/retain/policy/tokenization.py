"""Instructions to token ids, with the `tokenizers` library; the tokenizer's file travels with the policy."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.normalizers import NFKC, Lowercase
from tokenizers.normalizers import Sequence as NormalizerSequence
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.trainers import BpeTrainer

from retain.errors import PolicyError

PADDING = "[PAD]"
_PADDINGS = (PADDING, "<pad>", "<|im_end|>")
"""Ours, PaliGemma's and SmolVLM's. What stands in a padded place is masked in every layer: any token would do."""
UNKNOWN = "[UNK]"


def train_tokenizer(instructions: Iterable[str], *, vocabulary: int, max_tokens: int) -> Tokenizer:
    """Learn a lower-case byte-pair encoding in which every word of the instructions is one token, as far as it fits.

    Words never seen are spelled in pieces, so that a new instruction always has ids.

    Args:
        instructions: The corpus; its order and repetitions do not matter.
        vocabulary: Largest number of tokens.
        max_tokens: Every encoding is padded or cut to this length.
    """
    tokenizer = Tokenizer(BPE(unk_token=UNKNOWN))
    tokenizer.normalizer = NormalizerSequence([NFKC(), Lowercase()])
    tokenizer.pre_tokenizer = Whitespace()
    trainer = BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[PADDING, UNKNOWN],
        initial_alphabet=[chr(code) for code in range(ord("a"), ord("z") + 1)],
        limit_alphabet=64,
        show_progress=False,
    )
    tokenizer.train_from_iterator(sorted(set(instructions)), trainer)
    return padded(tokenizer, max_tokens)


def padded(tokenizer: Tokenizer, max_tokens: int) -> Tokenizer:
    """Make every encoding exactly `max_tokens` long, padded behind the text."""
    declared = tokenizer.padding
    if declared is not None:
        token, identifier = declared["pad_token"], declared["pad_id"]
    else:
        token = next((token for token in _PADDINGS if tokenizer.token_to_id(token) is not None), None)
        if token is None:
            raise PolicyError(
                f"the tokenizer has none of the padding tokens {', '.join(_PADDINGS)}; use the tokenizer.json that came"
                " with the policy"
            )
        identifier = tokenizer.token_to_id(token)
    tokenizer.enable_truncation(max_tokens)
    tokenizer.enable_padding(length=max_tokens, pad_id=identifier, pad_token=token)
    return tokenizer


def read_tokenizer(path: Path, max_tokens: int) -> Tokenizer:
    """Read `tokenizer.json`.

    Raises:
        PolicyError: The file is missing or is not a tokenizer.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise PolicyError(f"{path} cannot be read ({why}); a policy needs its tokenizer") from error
    try:
        tokenizer = Tokenizer.from_str(text)
    except Exception as error:  # the library raises bare Exception, and no other, on malformed files
        raise PolicyError(f"{path} is not a tokenizer ({error}); copy it again from the original policy") from error
    return padded(tokenizer, max_tokens)


def tokenize(tokenizer: Tokenizer, texts: Sequence[str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Encode instructions.

    Returns:
        Ids and mask (True where a token is real), both of shape (B, T).
    """
    encodings = tokenizer.encode_batch(list(texts))
    ids = np.array([encoding.ids for encoding in encodings], dtype=np.int64)
    mask = np.array([encoding.attention_mask for encoding in encodings], dtype=np.bool_)
    return ids, mask
