"""Counts of durations, added up over segments, and their percentiles."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Distribution:
    """How often each duration came.

    Attributes:
        counts: Duration in µs → times, ascending.
        max_us: The longest, exactly.
    """

    counts: Mapping[float, int]
    max_us: float

    @classmethod
    def added(cls, parts: Iterable[tuple[Mapping[float, int], float]]) -> "Distribution":
        """From (counts, maximum) of every segment."""
        total: Counter[float] = Counter()
        longest = 0.0
        for counts, maximum in parts:
            total.update(counts)
            longest = max(longest, maximum)
        return cls(dict(sorted(total.items())), longest)

    @property
    def count(self) -> int:
        """How many durations."""
        return sum(self.counts.values())

    def percentile(self, share: float) -> float:
        """The shortest duration, µs, that at least `share` of all do not exceed; 0 without any."""
        wanted, seen = share * self.count, 0
        for duration, count in self.counts.items():
            seen += count
            if seen >= wanted:
                return min(duration, self.max_us)
        return self.max_us

    def to_json(self) -> dict[str, float]:
        """count, p50, p99, p99.9 and max, µs."""
        shares = (("p50", 0.5), ("p99", 0.99), ("p999", 0.999))
        return {
            "count": self.count,
            **{name: round(self.percentile(share), 3) for name, share in shares},
            "max": round(self.max_us, 3),
        }
