"""The picture of a replay: what the policy said in flight, and what a bundle says to the same observations."""

from pathlib import Path

import numpy as np

from retain.evaluate.plots import style
from retain.flight.plot import channel_label
from retain.flight.replay import Replay

_LEAST_SPAN = 0.02


def plot_replay(compared: Replay, dt_s: float, path: Path, *, title: str, subtitle: str) -> Path:
    """Draw every chunk twice, channel by channel, from its observation on.

    Args:
        compared: A flight computed again.
        dt_s: Of a row.
        path: PNG to write.
        title: The finding.
        subtitle: How it was made.
    """
    count = len(compared.channels)
    columns = 1 if count <= 8 else 2
    rows = -(-count // columns)
    made = style.figure(10.5 if columns == 1 else 15.0, 1.5 + 1.1 * rows)
    panels = made.subplots(rows, columns, sharex=True, squeeze=False)
    for spare in range(count, rows * columns):
        panels[spare % rows, spare // rows].set_visible(False)
    for index, channel in enumerate(compared.channels):
        axes = panels[index % rows, index // rows]
        style.quiet(axes)
        axes.tick_params(labelsize=8)
        for number, chunk in enumerate(compared.chunks):
            time_s = chunk.time_s + dt_s * np.arange(1, len(chunk.recorded) + 1)
            said, says = ("said in flight", "says now") if number == 0 else (None, None)
            axes.plot(time_s, chunk.recorded[:, index], color=style.BLUE, linewidth=3.0, alpha=0.4, label=said)
            axes.plot(time_s, chunk.replayed[:, index], color=style.VERMILION, linewidth=0.9, label=says)
            axes.plot(time_s[:1], chunk.replayed[:1, index], ".", color=style.VERMILION, markersize=4)
        axes.set_ylabel(channel_label(channel.name, channel.unit), fontsize=8, color=style.INK)
        low, high = axes.get_ylim()
        half = max((high - low) / 2, _LEAST_SPAN / 2)
        axes.set_ylim((low + high) / 2 - half, (low + high) / 2 + half)
    for axes in panels[-1]:
        axes.set_xlabel("time since the first recorded tick [s]", fontsize=9, color=style.INK)
    panels[0, 0].legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, frameon=False, fontsize=8)
    made.align_ylabels()
    style.titled(made, title, f"{subtitle} A dot marks a chunk's first row.")
    return style.save(made, path)
