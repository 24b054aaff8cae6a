"""What recorded frames say about each candidate: how much is learnt, and how far it moves from the base."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retain.choose.candidate import BASE, FINETUNED, Candidate
from retain.choose.decision import ProxyEvidence
from retain.evaluate.plots import style


@dataclass(frozen=True)
class _Shares:
    """A candidate's proxies in percent of the finetuned policy's."""

    learnt: float
    drift: float


def plot_proxies(proxies: ProxyEvidence, path: Path, chosen: Candidate, title: str | None = None) -> Path:
    """Draw learning on held-out demonstrations and drift on old observations, in percent of the finetuned policy's.

    Where every candidate has one α for all weights, curves over α; otherwise each is a dot in the plane of both.

    Args:
        proxies: What was measured, and what it recommends.
        path: PNG to write.
        chosen: The candidate that was taken, by these proxies or otherwise.
        title: The finding; by default what the recommended candidate keeps and moves.
    """
    shares = _shares(proxies)
    recommended = Candidate.of(dict(proxies.recommended.alpha))
    marked = {f"by frames alone: {recommended.name}": recommended, f"chosen: {chosen.name}": chosen}
    if recommended == chosen:
        marked.pop(f"by frames alone: {recommended.name}")
    made = style.figure(9.0, 4.8)
    axes = made.add_subplot()
    style.quiet(axes, grid="both")
    if all(one.uniform is not None for one in shares):
        _curves(axes, shares, marked)
    else:
        _plane(axes, shares, marked)
    axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), borderaxespad=0, frameon=False, fontsize=9)
    finding = (
        f"{recommended.name} keeps {shares[recommended].learnt:.0f} % of what finetuning gained on held-out"
        f" demonstrations and moves actions on old observations {shares[recommended].drift:.0f} % as far"
    )
    subtitle = (
        "Learnt: share of the finetuned policy's gain in loss. Drift: distance of actions from the base's on old"
        " observations, as a share of the finetuned policy's. Recorded frames, no episode run."
    )
    style.titled(made, title or finding, subtitle)
    return style.save(made, path)


def _shares(proxies: ProxyEvidence) -> dict[Candidate, _Shares]:
    base, finetuned = proxies.table.at(0.0), proxies.table.at(1.0)
    gain, drift = base.target_loss - finetuned.target_loss, finetuned.drift
    return {
        Candidate.of(dict(row.alpha)): _Shares(
            100 * (base.target_loss - row.target_loss) / gain, 100 * row.drift / drift if drift else 0.0
        )
        for row in proxies.table.rows
    }


def _curves(axes: Any, shares: dict[Candidate, _Shares], marked: dict[str, Candidate]) -> None:
    along = sorted(shares, key=lambda one: one.finetuned_share)
    alphas = [one.finetuned_share for one in along]
    for label, values, colour, marker in (
        ("learnt, new task", [shares[one].learnt for one in along], style.ORANGE, "s"),
        ("drift, old tasks", [shares[one].drift for one in along], style.GREEN, "h"),
    ):
        axes.plot(alphas, values, color=colour, marker=marker, markersize=6, linewidth=2, label=label, zorder=3)
    for (label, one), line in zip(reversed(marked.items()), ("--", ":"), strict=False):
        axes.axvline(one.finetuned_share, color=style.INK, linestyle=line, linewidth=1.2, label=label)
    axes.set_xlim(0, 1)
    axes.set_xlabel("α, the weight of the finetuned policy (0: base, 1: finetuned)", color=style.INK)
    axes.set_ylabel("% of the finetuned policy's", color=style.INK)


def _plane(axes: Any, shares: dict[Candidate, _Shares], marked: dict[str, Candidate]) -> None:
    inner = [one for one in shares if one not in (BASE, FINETUNED)]
    for group, marker, size, colour, label in (
        (inner, "o", 36, style.BLUE, "between"),
        ([BASE], "h", 80, style.GREEN, "base"),
        ([FINETUNED], "D", 80, style.VERMILION, "finetuned"),
    ):
        axes.scatter(
            [shares[one].drift for one in group], [shares[one].learnt for one in group],
            s=size, marker=marker, color=colour, label=label, zorder=3,
        )  # fmt: skip
    for (label, one), colour in zip(reversed(marked.items()), (style.INK, style.PURPLE), strict=False):
        axes.scatter(
            shares[one].drift, shares[one].learnt, s=140, facecolor="none", edgecolor=colour, linewidth=2, label=label,
            zorder=4,
        )  # fmt: skip
    axes.set_xlabel("drift on old observations [% of the finetuned policy's]", color=style.INK)
    axes.set_ylabel("learnt, held-out demonstrations [%]", color=style.INK)
