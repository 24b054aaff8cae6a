"""A decision's numbers as columns and rows, for the terminal and for the page."""

from retain.choose.candidate import Candidate
from retain.choose.decision import ProxyEvidence, RolloutEvidence
from retain.choose.geometry import Geometry
from retain.evaluate.report import difference_text, p_text, rate_text

Rows = tuple[list[str], list[list[str]]]
"""Columns and rows; the first column holds names."""


def candidate_table(rollouts: RolloutEvidence) -> Rows:
    """A candidate per row: success on every suite, and where it stands."""
    result, choice = rollouts.swept.result, rollouts.choice
    rows = []
    for one in rollouts.swept.candidates:
        where = ["chosen"] if one == choice.candidate else []
        where += ["on the front"] if one in rollouts.front else []
        where += [] if one in choice.admissible else ["forgets"]
        rows.append([one.name, *(rate_text(result.rate(one.name, suite)) for suite in result.suites), ", ".join(where)])
    return ["candidate", *result.suites, ""], rows


def cost_table(rollouts: RolloutEvidence) -> Rows:
    """The chosen candidate against both ends, on the same episodes."""
    rows = [
        [
            f"{one.suite}, against the {one.against}",
            difference_text(one.difference),
            f"{one.difference.only_other} : {one.difference.only_reference}",
            p_text(one.difference.p),
        ]
        for one in rollouts.costs
    ]
    return ["suite", "chosen − end, 95 % paired bootstrap", "only it : only the end", "p (McNemar)"], rows


def proxy_table(proxies: ProxyEvidence, chosen: Candidate) -> Rows:
    """A candidate per row: what was measured without rollouts."""
    recommended = Candidate.of(dict(proxies.recommended.alpha))
    rows = []
    for row in proxies.table.rows:
        one = Candidate.of(dict(row.alpha))
        numbers = (row.target_loss, row.target_error, row.generalist_loss, row.generalist_error, row.drift)
        where = ["chosen"] if one == chosen else []
        where += ["by frames alone"] if one == recommended != chosen else []
        rows.append([one.name, *(f"{number:.3f}" for number in numbers), ", ".join(where)])
    columns = ["candidate", "loss, new task", "error, new task", "loss, old tasks", "error, old tasks", "drift", ""]
    return columns, rows


def geometry_table(geometry: Geometry) -> Rows:
    """All weights, then a component per row: what several runs of finetuning have in common, and Model Stock's α."""

    def told(value: float | None) -> str:
        return "-" if value is None else f"{value:.2f}"

    rows = [
        [
            name,
            *("-" if moved is None else f"{100 * moved:.2f} %" for moved in found.relative_update),
            *map(told, (found.cosine, found.alpha_of_one, found.alpha_of_mean)),
        ]
        for name, found in {"all weights": geometry.whole, **geometry.components}.items()
    ]
    moved = [f"update, run {number}" for number in range(1, len(geometry.finetuned) + 1)]
    return ["", *moved, "cosine between runs", "α of one run", "α of their mean"], rows
