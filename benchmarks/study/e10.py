"""E10, what two safeguards are worth: ends that are a running mean of the weights, and what bf16 storage does to α.

(Statistics that differ are refused or folded, and LoRA's α is applied once: tests/python/merge shows both exactly.)
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from study.measure import Candidate, Cell, measure, merged
from study.pieces import WORK, Training, train_all
from study.protocol import BASE, SEEDS, TARGETS
from study.recipes import CO_FT, TASK_FT
from study.results import write_json, write_outcomes
from study.statistics import difference, mean
from study.store import Store

TARGET = TARGETS[0]
ALPHAS = (0.5, 1.0)
SUITES = {"id": 30, "ood-position": 34, "generalist": 30}
STORED_ALPHAS = (0.25, 0.5, 0.75)


def raw(one: Training) -> Path:
    """The last weights of a training instead of their running mean, as a policy."""
    from retain.policy import load_policy, save_policy
    from safetensors import safe_open

    path = WORK / "policies" / "raw" / one.key.replace("/", "-")
    if not path.exists():
        policy = load_policy(one.path)
        with safe_open(one.path / "training" / "resume.safetensors", framework="pt") as file:
            policy.load_state_dict({name: file.get_tensor(f"weights.{name}") for name in policy.state_dict()})
        path.parent.mkdir(parents=True, exist_ok=True)
        save_policy(policy, path)
    return path


def policy(kind: str, seed: int, alpha: float) -> Candidate:
    """A merge with the mean of the weights, or with the last ones."""
    one = Training(TASK_FT, TARGET, seed)
    return merged(one.key, one.path, alpha) if kind == "mean" else merged(f"{one.key}/raw", raw(one), alpha)


def run(workers: int, say: Callable[[str], None]) -> None:
    """Train what is missing, measure, store in bf16, write the results."""
    train_all([Training(recipe, TARGET, seed) for recipe in (TASK_FT, CO_FT) for seed in SEEDS], workers, say)
    wanted = [
        Cell(policy(kind, seed, alpha), TARGET, seed, suite, n)
        for kind in ("mean", "last")
        for seed in SEEDS
        for alpha in ALPHAS
        for suite, n in SUITES.items()
    ]
    kept = measure(wanted, workers, say)
    write_outcomes("E10", wanted, kept)
    write_json("E10", {"ends": _ends(kept), "bf16": [_stored(alpha) for alpha in STORED_ALPHAS]})


def _ends(kept: Store) -> list[dict[str, Any]]:
    rows = []
    for alpha in ALPHAS:
        for suite, n in SUITES.items():
            averaged, last = (
                [kept.successes(Cell(policy(kind, seed, alpha), TARGET, seed, suite, n).place, n) for seed in SEEDS]
                for kind in ("mean", "last")
            )
            row = {"alpha": alpha, "suite": suite, "mean": vars(mean(averaged)), "last": vars(mean(last))}
            rows.append(row | {"mean - last": vars(difference(last, averaged))})
    return rows


def _stored(alpha: float) -> dict[str, Any]:
    """α as asked and as it acts by component when both ends and the result are bf16, as `retain merge` reports it."""
    import torch
    from retain.merge import merge
    from retain.policy import load_policy, save_policy

    folder = WORK / "bf16"
    shutil.rmtree(folder, ignore_errors=True)
    one = Training(TASK_FT, TARGET, SEEDS[0])
    save_policy(load_policy(BASE), folder / "base", dtype=torch.bfloat16)
    save_policy(load_policy(one.path), folder / "finetuned", dtype=torch.bfloat16)
    effective: dict[str, dict[str, float]] = {}
    for name, options in (("nearest", {}), ("stochastic", {"rounding": "stochastic", "seed": 0})):
        merge(folder / "base", folder / "finetuned", folder / name, alpha, **options)  # type: ignore[arg-type]
        effective[name] = _effective(folder, name)
    return {"alpha": alpha, "acts as": effective}


def _effective(folder: Path, name: str) -> dict[str, float]:
    """⟨merged − base, δ⟩ / ⟨δ, δ⟩ by component."""
    import torch
    from safetensors.torch import load_file

    base, end, made = (load_file(folder / which / "model.safetensors") for which in ("base", "finetuned", name))
    found = {}
    for part in ("vision", "language", "action"):
        names = [tensor for tensor in base if tensor.startswith(part)]
        delta, moved = (
            torch.cat([(other[tensor].double() - base[tensor].double()).flatten() for tensor in names])
            for other in (end, made)
        )
        found[part] = float(np.float64((moved @ delta) / (delta @ delta)))
    return found
