"""Averaging weights against averaging outputs."""

from pathlib import Path

from retain.evaluate.plots import style

from study.plots.pairs import panels, widest
from study.results import read_json


def draw(path: Path) -> Path:
    """Both kinds of mean at every α."""
    rows = read_json("E11")["means"]
    made = panels(rows, {"weights": "mean of weights (one policy)", "outputs": "mean of chunks (two policies)"})
    title = f"Mean of weights less mean of chunks: at most {widest(rows, 'weights - outputs')}"
    style.titled(made, title, "One target, three seeds, 90 to 102 episodes a line; lines: 95 %.")
    return style.save(made, path)
