"""The picture of merge_scaling.py: time by size, memory by size, several α in one pass."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

COLOURS = {
    "cp -r": "0.55",
    "copy, 2 threads": "0.2",
    "1 thread": "tab:orange",
    "2 threads": "tab:blue",
    "4 threads": "tab:green",
    "2 threads, SHA-256": "tab:red",
}


def draw(result: Mapping[str, Any], path: Path) -> None:
    """Draw what was measured; hollow points were not wholly in the page cache."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, (time, memory, alphas) = pyplot.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
    sizes = result["sizes"]
    gigabytes = [size["bytes"] / 1e9 for size in sizes]
    for name, colour in COLOURS.items():
        rows = [size["ways"][name] for size in sizes]
        dashed = "--" if name.startswith("c") else ":" if name == "4 threads" else "-"  # it lies on 2 threads
        time.plot(gigabytes, [row["median_s"] for row in rows], dashed, color=colour, label=name, linewidth=1.5)
        for x, row in zip(gigabytes, rows, strict=True):
            warm = row["disk_read_gb"] < 0.01 * x
            time.plot(x, row["median_s"], "o", color=colour, markersize=5, fillstyle="full" if warm else "none")
        if not name.startswith("c"):
            memory.plot(gigabytes, [row["peak_mib"] for row in rows], "-o", color=colour, label=name, markersize=4)
    ticks = [f"{x:.2g}" for x in gigabytes]
    for axes in (time, memory):
        axes.set_xscale("log", base=2)
        axes.set_xticks(gigabytes, ticks)
        axes.set_xlabel("size of each policy [GB, bf16]")
        axes.grid(alpha=0.3)
    time.set_yscale("log")
    time.set_ylabel("start to end of the process [s]")
    time.set_title("time (hollow: read from the disk)")
    time.legend(fontsize=8, loc="lower right")
    memory.axhline(64, color="0.4", linestyle=":", label="goal: 64 MiB")
    memory.set_ylim(0, 80)
    memory.set_ylabel("peak resident memory [MiB]")
    memory.set_title("memory")
    memory.legend(fontsize=8)
    _alphas(alphas, result["alphas"])
    facts = result["machine"]
    figure.suptitle(
        f"retain merge, linear: {facts['cpu']}, {facts['cores']} cores, {facts['memory_gib']} GiB", fontsize=10
    )
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def _alphas(axes: Any, measured: Mapping[str, Any]) -> None:
    rows = measured["ways"]
    names = list(rows)
    seconds = [rows[name]["median_s"] for name in names]
    bars = axes.barh(names, seconds, color=["tab:blue" if "pass" in name else "0.7" for name in names])
    axes.bar_label(bars, fmt="%.2f s", padding=3, fontsize=8)
    axes.set_xlim(0, max(seconds) * 1.2)
    axes.invert_yaxis()
    axes.set_xlabel("start to end [s]")
    axes.set_title(f"several α, {measured['bytes'] / 1e9:.2g} GB each")
