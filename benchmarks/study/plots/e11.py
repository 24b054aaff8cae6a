"""Averaging weights against averaging outputs."""

from pathlib import Path

from study.plots.pairs import draw_pairs
from study.results import read_json


def draw(path: Path) -> Path:
    """Both kinds of mean at every α."""
    kinds = {"weights": "mean of weights (one policy)", "outputs": "mean of chunks (two policies)"}
    return draw_pairs(path, read_json("E11")["means"], kinds, "Mean of weights less mean of chunks")
