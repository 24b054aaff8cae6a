"""A picture of a merge or a diff: how far every layer moved, and what arrived of α."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from retain.errors import require

_COLOURS = ("#3b6fb6", "#d1495b", "#2e9e6b", "#b07aa1", "#c98a1b", "#6b7a8f")


def draw(report: Mapping[str, Any], file: Path) -> None:
    """Draw a report.

    Args:
        report: A merge's or a diff's, as JSON.
        file: The picture to make; its suffix says which kind (png, svg, pdf).

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    require("matplotlib", extra="viz")
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    components = {name: part for name, part in report["components"].items() if part["tensors"]}
    merged = any(part["effective_alpha"] is not None for part in components.values())
    figure, axes = plt.subplots(1, 2 if merged else 1, figsize=(11 if merged else 7, 4.2), squeeze=False)
    _draw_layers(axes[0][0], report, components)
    if merged:
        _draw_alpha(axes[0][1], components)
    finetuned = report["finetuned"]
    ends = [end["path"] for end in finetuned] if isinstance(finetuned, list | tuple) else [finetuned]
    base = report["base"]["path"] if isinstance(report["base"], Mapping) else report["base"]
    figure.suptitle(f"{Path(base).name}  →  {', '.join(Path(end).name for end in ends)}", fontsize=11)
    figure.tight_layout()
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=150)
    plt.close(figure)


def _draw_layers(axes: Any, report: Mapping[str, Any], components: Mapping[str, Any]) -> None:
    drawn = []
    for number, (name, part) in enumerate(components.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        for end, update in enumerate(part["updates"]):
            style = ("-", "--", ":", "-.")[end % 4]
            layers = [
                (layer["layer"] / max(layer["layers"] - 1, 1), layer["relative_update"][end])
                for layer in report["layers"].get(name, ())
                if layer["relative_update"][end] is not None
            ]
            label = name if end == 0 else None
            if layers:
                axes.plot(*zip(*layers, strict=True), style, marker="o", markersize=3, color=colour, label=label)
                drawn += [value for _, value in layers]
            elif update["relative_update"] is not None:
                axes.axhline(update["relative_update"], linestyle=style, color=colour, label=label)
                drawn.append(update["relative_update"])
    positive = [value for value in drawn if value > 0]
    if positive:
        axes.set_yscale("log")
        axes.set_ylim(min(positive) / 1.6, max(positive) * 1.6)
    axes.set_xlabel("depth: first to last layer of each component")
    axes.set_ylabel("‖τ‖ / ‖θ‖")
    axes.set_title("how far finetuning moved each layer", fontsize=10)
    axes.grid(alpha=0.3)
    if drawn:
        axes.legend(frameon=False)
    else:
        axes.text(0.5, 0.5, "nothing was interpolated", ha="center", transform=axes.transAxes)


def _draw_alpha(axes: Any, components: Mapping[str, Any]) -> None:
    shown = {name: part for name, part in components.items() if part["effective_alpha"] is not None}
    places = range(len(shown))
    asked = [part["asked_alpha"] for part in shown.values()]
    acts = [part["effective_alpha"] for part in shown.values()]
    axes.bar([place - 0.2 for place in places], asked, 0.38, color="#c9d3df", label="asked")
    axes.bar([place + 0.2 for place in places], acts, 0.38, color="#3b6fb6", label="as stored")
    for place, part in zip(places, shown.values(), strict=True):
        lost = f"{part['lost'] or 0.0:.0%} lost"
        axes.annotate(lost, (place + 0.2, part["effective_alpha"]), ha="center", va="bottom", fontsize=8)
    axes.set_xticks(list(places), list(shown))
    axes.set_ylim(min(0.0, *asked, *acts), 1.18 * max(0.05, *asked, *acts))
    axes.set_ylabel("α (1 is the finetuned policy)")
    axes.set_title("what rounding left of α", fontsize=10)
    axes.legend(frameon=False, loc="upper left", ncols=2)
