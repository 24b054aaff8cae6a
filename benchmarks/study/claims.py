"""What the paper claims, judged by the committed results: `python -m study CLAIMS` writes results/claims.json.

Confirmed or refuted: the 95 % interval lies wholly on one side. Undecided: it does not. Not run: no result is there.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from study.results import RESULTS, read_json

NEAR = 0.10
"""Near the base, comparable: at most this much worse, as a share."""

SHOWN = ("ood-position", "generalist")
"""Where freezing the language part might help."""

Estimate = Mapping[str, float]
Verdict = tuple[str, str]
"""confirmed, refuted, undecided; and the figures."""


def _above(one: Estimate, bound: float = 0.0) -> str:
    if one["low"] > bound:
        return "confirmed"
    return "refuted" if one["high"] < bound else "undecided"


def _told(one: Estimate) -> str:
    return f"{100 * one['value']:+.0f} [{100 * one['low']:+.0f}, {100 * one['high']:+.0f}] points"


def _worst(verdicts: list[str]) -> str:
    return max(verdicts, key=["confirmed", "undecided", "refuted"].index)


def c1() -> Verdict:
    """ID saturates early, old tasks collapse, OOD peaks and falls; freezing the language part does not help."""
    curves, frozen = (read_json("E1")["curves"][recipe] for recipe in ("task-ft", "frozen"))
    found, ood, old = curves["id"], curves["ood-position"], curves["generalist"]
    peak = max(ood, key=lambda one: one["value"])
    parts = [
        "confirmed" if found[3]["value"] > found[-1]["value"] - 0.05 else "refuted",
        "confirmed" if old[-1]["high"] < old[0]["low"] else "undecided",
        "confirmed" if ood[-1]["high"] < peak["low"] else "undecided",
        *("refuted" if frozen[suite][-1]["low"] > curves[suite][-1]["high"] else "undecided" for suite in SHOWN),
    ]
    told = f"moved blocks {100 * peak['value']:.0f} % at step {peak['step']}, {100 * ood[-1]['value']:.0f} % at the end"
    told += f"; old tasks {100 * old[0]['value']:.0f} → {100 * old[-1]['value']:.0f} %; language frozen "
    return _worst(parts), told + ", ".join(f"{100 * frozen[suite][-1]['value']:.0f} %" for suite in SHOWN)


def c2() -> Verdict:
    """RETAIN-co-FT is best out of distribution."""
    against = read_json("E2")["against"]["RETAIN-co-FT"]
    gaps = {name: against[name]["ood-test"] for name in ("task-FT, tuned", "co-FT, tuned", "RETAIN-task-FT")}
    return _worst([_above(gap) for gap in gaps.values()]), "; ".join(
        f"over {n} {_told(gap)}" for n, gap in gaps.items()
    )


def c3() -> Verdict:
    """It keeps old tasks near the base."""
    gap = read_json("E2")["against"]["RETAIN-co-FT"]["base"]["generalist"]
    return _above(gap, -NEAR), f"{_told(gap)} from the base; near is within {100 * NEAR:.0f}"


def c4() -> Verdict:
    """In distribution it is comparable to finetuning."""
    gap = read_json("E2")["against"]["RETAIN-co-FT"]["task-FT"]["id"]
    return _above(gap, -NEAR), f"{_told(gap)} from task-FT; comparable is within {100 * NEAR:.0f}"


def c5() -> Verdict:
    """Co-finetuning and merging add up, out of distribution."""
    against = read_json("E2")["against"]["RETAIN-co-FT"]
    gaps = [against[name]["ood-test"] for name in ("co-FT", "RETAIN-task-FT")]
    return _worst([_above(gap) for gap in gaps]), f"over co-FT {_told(gaps[0])}; over RETAIN-task-FT {_told(gaps[1])}"


def c6() -> Verdict:
    """An inverted U over α, dead below .4, best at .7 to .9 for a weak base."""
    curve = read_json("E3")["by_target"]["place the red block near right"]["ood-test"]
    best = max(curve, key=lambda one: one["value"])
    alive = next(one for one in curve if one["alpha"] == 0.3)
    dead = "confirmed" if alive["value"] < curve[0]["value"] + 0.05 else "refuted"
    told = f"best at α = {best['alpha']:g} ({100 * best['value']:.0f} %); at .3 {100 * alive['value']:.0f} %, not dead"
    return _worst(["confirmed" if 0.7 <= best["alpha"] <= 0.9 else "refuted", dead]), told


def c7() -> Verdict:
    """The best α is lower for a stronger base."""
    curves = read_json("E3")["by_target"]
    best = {target: max(found["ood-test"], key=lambda one: one["value"])["alpha"] for target, found in curves.items()}
    weak = min(alpha for target, alpha in best.items() if target.startswith("place"))
    strong = best["push the blue block far left"]
    told = ", ".join(f"{target}: {alpha:g}" for target, alpha in best.items())
    return "undecided" if abs(strong - weak) < 0.3 else "confirmed" if strong < weak else "refuted", told


def c8() -> Verdict:
    """α of language matters most, and merging only the language part does as well as merging all."""
    found = read_json("E4")
    gap = found["language alone - all weights"]["ood-test"]
    spread = {
        part: max(one["mean"] for one in points) - min(one["mean"] for one in points)
        for part, points in found["marginal"]["ood-val"].items()
    }
    most = max(spread, key=lambda part: spread[part])
    told = ", ".join(f"{part} {100 * value:.0f}" for part, value in spread.items())
    verdict = _worst(["confirmed" if most == "language" else "refuted", _above(gap, -NEAR)])
    return verdict, f"spread over α on moved blocks: {told} points; language alone − all weights {_told(gap)}"


def c9() -> Verdict:
    """The gain of merging out of distribution grows with pretraining."""
    gains = read_json("E5")["gain over finetuned"]
    shown = {
        share: max((one["ood-test"] for one in by.values()), key=lambda gap: gap["value"])
        for share, by in gains.items()
    }
    small, _, large = shown.values()
    verdict = (
        "confirmed" if large["low"] > small["high"] else "refuted" if large["high"] < small["low"] else "undecided"
    )
    return verdict, ", ".join(f"{share}: {_told(gap)}" for share, gap in shown.items())


def c10() -> Verdict:
    """Merging skill after skill beats co-finetuning skill after skill."""
    gap = read_json("E6")["against"]["sequential RETAIN"]["sequential co-FT"]
    return _above(gap["id"]), f"learnt skills {_told(gap['id'])}, moved {_told(gap['ood-position'])}"


def c11() -> Verdict:
    """No steps or rate of task-FT reach RETAIN."""
    gap = read_json("E2")["against"]["RETAIN-task-FT"]["task-FT, tuned"]
    return _above(
        gap["ood-test"]
    ), f"out of distribution {_told(gap['ood-test'])}, old tasks {_told(gap['generalist'])}"


def c12() -> Verdict:
    """Linear merging is enough: no other way is better out of distribution, or by less than `NEAR`."""
    against = read_json("E9")["against linear"]
    gaps = {name: gap["ood-test"] for name, gap in against.items()}
    verdicts = [
        "refuted" if gap["low"] > 0 else "confirmed" if gap["high"] < NEAR else "undecided" for gap in gaps.values()
    ]
    return _worst(verdicts), ", ".join(f"{name} {_told(gap)}" for name, gap in gaps.items())


CLAIMS: Mapping[str, Callable[[], Verdict]] = {
    one.__name__.upper(): one for one in (c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12)
}


def run(workers: int, say: Callable[[str], None]) -> None:
    """Judge every claim whose experiment has a committed result."""
    del workers
    found: dict[str, Any] = {}
    for name, judge in CLAIMS.items():
        try:
            verdict, figures = judge()
        except FileNotFoundError as error:
            verdict, figures = "not run", str(error.filename).rpartition("/")[2].removesuffix(".json")
        claim = (judge.__doc__ or "").partition(": ")[0].strip().rstrip(".") + "."
        found[name] = {"claim": claim, "verdict": verdict, "figures": figures}
        say(f"{name:4} {verdict:10} {figures}")
    (RESULTS / "claims.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
