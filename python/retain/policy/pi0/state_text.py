"""π0.5 reads the state as words: Task: lift the block, State: 12 255 0; and, on a new line, Action:

What stands behind the instruction is the same for every tokenizer of PaliGemma's kind, in which every digit is a token
of its own: a space, up to three digits, a space … It is looked up once, as a handful of ids, and put together from the
state inside the network (`pi05.py`), so that neither a robot nor a trainer tokenizes per observation. The ids are those
of the whole sentence where no token of the vocabulary reaches across the places at which it is put together: behind
the colon, and around each digit. Another vocabulary is refused.

Sources: openpi's `PaligemmaTokenizer.tokenize`, LeRobot's `Pi05PrepareStateTokenizerProcessorStep`.
"""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer

from retain.errors import PolicyError

LOWEST = -1
"""The number of a state below -1, as in openpi and LeRobot; 0 is [-1, -127/128)."""
HIGHEST = 255
"""The number of a state from 127/128 on, however large."""
OPENING, STATE, ACTION = "Task: ", ", State:", ";\nAction: "

_TRAINED_WITH = "π0.5 needs the tokenizer that it was trained with (google/paligemma-3b-pt-224)"
_DIGITS = "0123456789"
_SPACES = "▁ Ġ"  # SentencePiece's, a plain one, byte-level BPE's
_SPELLED = {*_DIGITS, *_SPACES, *STATE, *ACTION, "-"}
_JOINS = re.compile(rf"[0-9][0-9{_SPACES};-]|[{_SPACES};-][0-9]|:[{_SPACES}]")


def whole_text(instruction: str, numbers: Sequence[int]) -> str:
    """The sentence of an observation, numbers from -1 to 255."""
    return OPENING + instruction + STATE + "".join(f" {number}" for number in numbers) + ACTION


@dataclass(frozen=True)
class StateText:
    """Ids of what stands behind the instruction.

    Attributes:
        space: Of the space in front of a number.
        digits: Of 0 to 9.
        below: Of " -1", for a state below what the statistics know.
        action: Of what stands behind the numbers.
    """

    space: tuple[int, ...]
    digits: tuple[int, ...]
    below: tuple[int, ...]
    action: tuple[int, ...]

    @property
    def columns(self) -> int:
        """Places for one number: its longest spelling."""
        return max(len(self.space) + 3, len(self.below))

    def ids(self, numbers: Sequence[int]) -> list[int]:
        """Of the numbers and what stands behind them."""
        spelled = [
            self.below if number < 0 else (*self.space, *(self.digits[int(digit)] for digit in str(number)))
            for number in numbers
        ]
        return [*itertools.chain(*spelled), *self.action]

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> "StateText":
        """Look the words up.

        Args:
            tokenizer: It is not changed.

        Raises:
            PolicyError: A token would join a digit, or the colon, to what stands beside it; or the pieces do not add up
                to the whole sentence.
        """
        _check_vocabulary(tokenizer)
        free = Tokenizer.from_str(tokenizer.to_str())
        free.no_padding()
        free.no_truncation()
        opening = OPENING + "x" + STATE
        number, below = (_between(free, whole_text("x", numbers), opening, ACTION) for numbers in ([7], [LOWEST]))
        text = cls(
            space=number[:-1],
            digits=tuple(_between(free, whole_text("x", [int(digit)]), opening, ACTION)[-1] for digit in _DIGITS),
            below=below,
            action=_between(free, whole_text("x", [7]), opening + " 7", ""),
        )
        text._check_whole(free, list(free.encode(opening).ids))
        return text

    def _check_whole(self, tokenizer: Tokenizer, opening: list[int]) -> None:
        """What the vocabulary allows, a normalizer or a splitter might still spoil."""
        both = range(LOWEST, HIGHEST + 1)
        numbers = [[a, b, a] for a, b in zip(both, reversed(both), strict=True)]
        whole = tokenizer.encode_batch([whole_text("x", row) for row in numbers])
        for row, encoding in zip(numbers, whole, strict=True):
            if [*opening, *self.ids(row)] != encoding.ids:
                raise PolicyError(
                    f"the tokenizer reads the state {row} differently in a sentence than number by number;"
                    f" {_TRAINED_WITH}"
                )


def _between(tokenizer: Tokenizer, text: str, before: str, after: str) -> tuple[int, ...]:
    """Ids of what stands between two ends of a text."""
    encoding = tokenizer.encode(text)
    start, stop = len(before), len(text) - len(after)
    pairs = zip(encoding.ids, encoding.offsets, strict=True)
    return tuple(identifier for identifier, (first, last) in pairs if start <= first < last <= stop)


def _check_vocabulary(tokenizer: Tokenizer) -> None:
    for token in tokenizer.get_vocab(with_added_tokens=True):
        # What the sentence does not spell, as <loc0123> or [toxicity=0], never meets a number.
        if _JOINS.search(token) and not set(token) - _SPELLED:
            raise PolicyError(
                f"the tokenizer has the token {token!r}, which would join a number of the state to its neighbour;"
                f" {_TRAINED_WITH}"
            )
