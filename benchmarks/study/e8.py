"""E8, choosing α: what each way of choosing gives away on OOD-test against the best α in hindsight.

All curves are E3's. The best α in hindsight is found on one half of the episodes and all regrets are measured on the
other, in turn, because the maximum over eleven noisy points is not the success of any of them.
"""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
from numpy.typing import NDArray
from retain.choose.geometry import measure_geometry
from retain.choose.proxies import Proxies, ProxyTable, measure_proxies
from retain.choose.recommend import Rule, recommend
from retain.policy import resolve

from study import e3
from study.measure import store
from study.pieces import Training, demonstrations, mix
from study.protocol import ALPHAS, BASE, OOD_TEST, SEEDS, TARGETS, VALIDATION, better
from study.recipes import REPLAY, TASK_FT
from study.results import RESULTS, write_json
from study.store import Store

HELD_OUT = 6
"""Demonstrations that finetuning has not seen, from the same patch."""

FRAMES = 64

SHARES = (0.6, 0.7, 0.8, 0.85, 0.9, 0.95)
"""Of `Rule.learnt`, for leaving one target out; the product's own was fixed at 0.9 before this experiment was run."""

Pair = tuple[str, int]


def run(workers: int, say: Callable[[str], None]) -> None:
    """Measure the proxies that are missing, then compare the choosers on E3's outcomes."""
    pairs = [(target, seed) for target in TARGETS for seed in SEEDS]
    path = RESULTS / "E8_proxies.json"
    tables: dict[Pair, ProxyTable] = {}
    if path.exists():
        tables = {(one["target"], one["seed"]): _table(one["table"]) for one in json.loads(path.read_text())["pairs"]}
    missing = [pair for pair in pairs if pair not in tables]
    for target, seed in missing:
        demonstrations(target, 100 + seed, HELD_OUT)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for pair, table in zip(missing, pool.map(_measure, missing), strict=True):
            tables[pair] = table
            say(f"proxies of {pair[0]}, seed {pair[1]}")
    write_json(
        "E8_proxies",
        {"pairs": [{"target": pair[0], "seed": pair[1], "table": tables[pair].to_json()} for pair in pairs]},
    )
    write_json("E8", compare(store(), tables))


def _measure(pair: Pair) -> ProxyTable:
    import torch

    torch.set_num_threads(1)
    target, seed = pair
    one = Training(TASK_FT, target, seed)
    held_out = demonstrations(target, 100 + seed, HELD_OUT)
    return measure_proxies(BASE, one.path, ALPHAS, target=held_out, generalist=mix(REPLAY), frames=FRAMES, seed=seed)


def _table(value: dict[str, Any]) -> ProxyTable:
    rows = tuple(
        Proxies(**one | {"alpha": tuple((part, alpha) for part, alpha in one["alpha"])}) for one in value["rows"]
    )
    return ProxyTable(**value | {"rows": rows})


def compare(kept: Store, tables: Mapping[Pair, ProxyTable]) -> dict[str, Any]:
    """Every chooser's α, its success on OOD-test and old tasks, and its regret."""
    pairs = list(tables)
    curves = {pair: [e3.outcomes(kept, *pair, alpha, OOD_TEST) for alpha in ALPHAS] for pair in pairs}
    old = {pair: [e3.outcomes(kept, *pair, alpha, ("generalist",)) for alpha in ALPHAS] for pair in pairs}
    choices: dict[str, dict[Pair, float]] = {
        "validation scene": {pair: _on_validation(kept, pair) for pair in pairs},
        "proxies, no rollouts": {pair: _by_proxies(tables[pair], Rule()) for pair in pairs},
        "proxies, left-out target": {pair: _left_out(pair, tables, curves) for pair in pairs},
        "Model Stock, one run": {pair: _model_stock(pair) for pair in pairs},
        **{f"fixed {alpha:g}": dict.fromkeys(pairs, alpha) for alpha in (0.3, 0.5, 0.7, 0.8)},
        "finetuned": dict.fromkeys(pairs, 1.0),
    }
    rows = {}
    for name, chosen in choices.items():
        regrets = np.array([_regret(curves[pair], chosen[pair]) for pair in pairs])
        upper = np.array([_regret_of_the_same(curves[pair], chosen[pair]) for pair in pairs])
        success = [curves[pair][_index(chosen[pair])].mean() for pair in pairs]
        rows[name] = {
            "alphas": [chosen[pair] for pair in pairs],
            "ood-test": float(np.mean(success)),
            "generalist": float(np.mean([old[pair][_index(chosen[pair])].mean() for pair in pairs])),
            "regret": float(regrets.mean()),
            "low, high": _interval(regrets),
            "regret by pair": regrets.tolist(),
            "regret, same episodes": float(upper.mean()),
            "low, high, same episodes": _interval(upper),
            "regret by pair, same episodes": upper.tolist(),
        }
    best = [max(ALPHAS, key=lambda alpha, pair=pair: curves[pair][_index(alpha)].mean()) for pair in pairs]  # type: ignore[misc]
    return {"pairs": pairs, "choosers": rows, "best in hindsight": best, "share": Rule().learnt}


def _index(alpha: float) -> int:
    return int(np.argmin([abs(alpha - one) for one in ALPHAS]))


def _regret(curve: list[NDArray[np.bool_]], alpha: float) -> float:
    """Success of the best α of one half minus that of the chosen α, on the other half; the mean of both ways round."""
    stacked = np.array(curve, dtype=float)
    halves = stacked[:, ::2], stacked[:, 1::2]
    gaps = []
    for found, judged in (halves, halves[::-1]):
        gaps.append(judged[int(np.argmax(found.mean(axis=1)))].mean() - judged[_index(alpha)].mean())
    return float(np.mean(gaps))


def _regret_of_the_same(curve: list[NDArray[np.bool_]], alpha: float) -> float:
    """Success of the best α minus that of the chosen one on the same episodes: never negative, and too large."""
    rates = np.array(curve, dtype=float).mean(axis=1)
    return float(rates.max() - rates[_index(alpha)])


def _interval(regrets: NDArray[np.float64]) -> list[float]:
    rng = np.random.default_rng(0)
    means = regrets[rng.integers(0, len(regrets), (4000, len(regrets)))].mean(axis=1)
    return [float(bound) for bound in np.quantile(means, [0.025, 0.975])]


def _on_validation(kept: Store, pair: Pair) -> float:
    return max(ALPHAS, key=lambda alpha: better(float(e3.outcomes(kept, *pair, alpha, (VALIDATION,)).mean()), alpha))


def _by_proxies(table: ProxyTable, rule: Rule) -> float:
    return recommend(table, rule).alpha[0][1]


def _left_out(pair: Pair, tables: Mapping[Pair, ProxyTable], curves: Mapping[Pair, list[NDArray[np.bool_]]]) -> float:
    """The share that does best on the other targets, applied to this one."""
    others = [other for other in tables if other[0] != pair[0]]

    def score(share: float) -> float:
        taken = [_by_proxies(tables[other], Rule(share)) for other in others]
        return float(np.mean([curves[other][_index(alpha)].mean() for other, alpha in zip(others, taken, strict=True)]))

    return _by_proxies(tables[pair], Rule(max(SHARES, key=score)))


def _model_stock(pair: Pair) -> float:
    """α of one run among those of all seeds (arXiv 2403.19522, eq. 5 with N = 1): the cosine between the runs."""
    runs = [Training(TASK_FT, pair[0], seed).path for seed in SEEDS]
    alpha = measure_geometry(resolve(BASE), runs).whole.alpha_of_one
    assert alpha is not None  # there are several runs
    return alpha
