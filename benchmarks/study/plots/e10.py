"""A running mean of the weights as an end, against the last weights."""

from pathlib import Path

from retain.evaluate.plots import style

from study.plots.pairs import panels, widest
from study.results import read_json


def draw(path: Path) -> Path:
    """Both ends, merged and not."""
    rows = read_json("E10")["ends"]
    made = panels(rows, {"mean": "running mean", "last": "last weights"})
    title = f"Running mean instead of last weights: at most {widest(rows, 'mean - last')}"
    style.titled(made, title, "One target, three seeds, 90 to 102 episodes a line; lines: 95 %.")
    return style.save(made, path)
