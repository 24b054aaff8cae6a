"""`choice.json`: a decision for a script."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from retain.choose.decision import Decision, ProxyEvidence, RolloutEvidence

SCHEMA = 1


def as_json(decision: Decision) -> dict[str, Any]:
    """A decision as plain lists and dictionaries."""
    return {
        "schema": SCHEMA,
        "by": decision.by,
        "alpha": dict(decision.candidate.alpha),
        "name": decision.candidate.name,
        "rule": decision.rule,
        "reason": decision.reason,
        "cost": list(decision.cost),
        "blind_spots": list(decision.blind_spots),
        "command": decision.command,
        "rollouts": None if decision.rollouts is None else _rollouts(decision.rollouts),
        "proxies": None if decision.proxies is None else _proxies(decision.proxies),
        "geometry": None if decision.geometry is None else decision.geometry.to_json(),
    }


def write(decision: Decision, path: Path) -> None:
    """Write the JSON; a run killed meanwhile leaves the old file."""
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    partial.write_text(json.dumps(as_json(decision), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)


def _proxies(proxies: ProxyEvidence) -> dict[str, Any]:
    table, recommended = proxies.table.to_json(), proxies.recommended
    rows = [row | {"alpha": dict(row["alpha"])} for row in table["rows"]]
    return {
        "table": table | {"rows": rows},
        "recommended": asdict(recommended) | {"alpha": dict(recommended.alpha)},
    }


def _rollouts(rollouts: RolloutEvidence) -> dict[str, Any]:
    swept, choice = rollouts.swept, rollouts.choice
    result = swept.result
    candidates = []
    for one in swept.candidates:
        rates = {suite: result.rate(one.name, suite) for suite in result.suites}
        candidates.append(
            {
                "name": one.name,
                "alpha": dict(one.alpha),
                "success": {suite: asdict(rate) | {"rate": rate.value} for suite, rate in rates.items()},
                "admissible": one in choice.admissible,
                "on_front": one in rollouts.front,
            }
        )
    return {
        "skill": result.skill,
        "seed": result.seed,
        "tolerance": choice.tolerance,
        "best": choice.best.name,
        "candidates": candidates,
        "pareto_front": [one.name for one in rollouts.front],
        "costs": [{"suite": one.suite, "against": one.against} | asdict(one.difference) for one in rollouts.costs],
    }
