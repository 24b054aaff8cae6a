"""What a bad cable does to the servos' answers: some get lost, broken, cut off or late; for moments none passes."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

LATE_S: Final = 4e-3
"""Beyond the driver's margin of 2 ms."""


@dataclass
class WireCounts:
    """What passed on the wire, and what did not.

    Attributes:
        goals: Goal positions that reached their servos.
        goals_outside: Of these, outside the servo's limits.
        answers: That the servos gave.
        lost: Of these, never handed over.
        broken: With one bit turned over.
        cut_off: Without their end.
        late: Handed over after the driver stopped waiting, each with the others of its round.
        interruptions: Moments in which nothing passed.
        packets_unheard: Questions and goals that fell into them.
        longest_gap_s: The longest time between two answers of one servo that were handed over whole and in time, since
            the trouble began.
    """

    goals: int = 0
    goals_outside: int = 0
    answers: int = 0
    lost: int = 0
    broken: int = 0
    cut_off: int = 0
    late: int = 0
    interruptions: int = 0
    packets_unheard: int = 0
    longest_gap_s: float = 0.0


class LineTrouble:
    """A cable that can be made a bad one.

    Attributes:
        counts: Of everything so far; the line counts the goals.
    """

    def __init__(self) -> None:
        self.counts = WireCounts()
        self._rate = 0.0
        self._random = random.Random(0)
        self._interrupted_until_s = 0.0
        self._whole_s: dict[int, float] = {}

    def disturb(self, rate: float, seed: int) -> None:
        """From now on this share of the answers is faulty, in four kinds equally often; gaps are counted anew."""
        self._rate, self._random = rate, random.Random(seed)
        self._whole_s, self.counts.longest_gap_s = {}, 0.0

    def interrupt(self, seconds: float) -> None:
        """Nothing passes from now on for this long, as with a plug that is touched."""
        self.counts.interruptions += 1
        self._interrupted_until_s = time.monotonic() + seconds

    def hears(self) -> bool:
        """Whether a packet that comes now reaches the servos."""
        heard = time.monotonic() >= self._interrupted_until_s
        self.counts.packets_unheard += not heard
        return heard

    def pass_on(self, answers: Sequence[bytes]) -> tuple[bytes, float]:
        """What becomes of a round of answers: the bytes that are handed over, and how late, s."""
        handed, whole, late_s = [], [], 0.0
        for answer in answers:
            self.counts.answers += 1
            kind = self._random.randrange(4) if self._rate and self._random.random() < self._rate else None
            if kind == 0:
                self.counts.lost += 1
                continue
            if kind == 1:
                self.counts.broken += 1
                bit = self._random.randrange(8 * len(answer))
                handed.append((int.from_bytes(answer, "little") ^ 1 << bit).to_bytes(len(answer), "little"))
                continue
            if kind == 2:
                self.counts.cut_off += 1
                handed.append(answer[: self._random.randrange(1, len(answer))])
                continue
            if kind == 3:
                self.counts.late += 1
                late_s = LATE_S
            handed.append(answer)
            whole.append(answer[2])
        if not late_s:
            self._note(whole)
        return b"".join(handed), late_s

    def _note(self, servos: Sequence[int]) -> None:
        now_s = time.monotonic()
        for servo in servos:
            gap_s = now_s - self._whole_s.get(servo, now_s)
            self.counts.longest_gap_s = max(self.counts.longest_gap_s, gap_s)
            self._whole_s[servo] = now_s
