"""A running mean of the weights as an end, against the last weights."""

from pathlib import Path

from study.plots.pairs import draw_pairs
from study.results import read_json


def draw(path: Path) -> Path:
    """Both ends, merged and not."""
    kinds = {"mean": "running mean", "last": "last weights"}
    return draw_pairs(path, read_json("E10")["ends"], kinds, "Running mean instead of last weights")
