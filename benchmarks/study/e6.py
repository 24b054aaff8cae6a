"""E6, skill after skill: five skills in a row, and what is left of the first ones and of the base.

Every method takes as many optimizer steps per skill. The α of all merges is fixed beforehand.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from study.measure import Candidate, Cell, base, measure, merged
from study.pieces import WORK, Training, train_all
from study.protocol import BASE, STEPS
from study.recipes import CO_FT, OLD, Recipe
from study.results import write_json, write_outcomes
from study.statistics import Group, difference, mean
from study.store import Store

SKILLS = (
    "place the red block near right",
    "push the blue block far left",
    "lift the orange block",
    "place the purple block on the pad",
    "place the yellow block near right",
)
"""In the order in which they are learnt."""

SEEDS = (0, 1, 2)

ALPHA = 0.7
"""Of every merge, taken from a pilot on the first skill before this experiment was run."""

REPLAY_SHARE = 0.3
"""Share of every batch that is drawn from the demonstrations of earlier skills, split evenly."""

STAGE_N = 20
"""Episodes in distribution per learnt skill after every stage, for the methods of `STAGED`."""

STAGED = ("sequential co-FT", "sequential RETAIN", "replay", "anchored")

FINAL_N = {"id": 20, "ood-position": 20}
"""Episodes per skill at the end."""

GENERALIST_N = 50

_JOINT_BATCH = 20  # so that every skill gets a whole number of observations
_JOINT_STEPS = STEPS * len(SKILLS) * CO_FT.config.batch_size // _JOINT_BATCH
JOINT = Recipe(
    "joint",
    "all skills at once, as many observations as the others see in all",
    replace(CO_FT.config, steps=_JOINT_STEPS, save_every=_JOINT_STEPS, batch_size=_JOINT_BATCH, keep_every=0),
    CO_FT.co_data,
)
REPLAYED_CHAIN = Recipe(
    "co-ft-replay", "pretraining's data and the demonstrations of earlier skills", CO_FT.config, ((OLD, 0.3),)
)

METHODS: Mapping[str, str] = {
    "sequential co-FT": "each skill finetuned from the last result, no merge",
    "sequential RETAIN": "eq. 4: each end merged into what came before",
    "parallel task vectors": "each skill finetuned from the base, task vectors added at λ = 0.4",
    "parallel TIES": "the same by TIES, density 0.3",
    "replay": "sequential co-FT with the demonstrations of earlier skills in every batch",
    "anchored": "the replay chain, merged once with the base (ours)",
    "joint": "all demonstrations at once",
}


@dataclass(frozen=True)
class Line:
    """The finetuned ends of one seed, skill after skill.

    Attributes:
        seed: Of everything.
    """

    seed: int

    def sequential(self) -> list[Training]:
        """Co-finetuning from the last result."""
        return self._chain(CO_FT, [])

    def replayed(self) -> list[Training]:
        """The same with the demonstrations of earlier skills."""
        chain = [Training(CO_FT, SKILLS[0], self.seed)]
        for number, skill in enumerate(SKILLS[1:], 1):
            share = REPLAY_SHARE / number
            earlier = tuple((one, share) for one in SKILLS[:number])
            chain.append(Training(REPLAYED_CHAIN, skill, self.seed, str(chain[-1].path), earlier))
        return chain

    def parallel(self) -> list[Training]:
        """Each from the base."""
        return [Training(CO_FT, skill, self.seed) for skill in SKILLS]

    def joint(self) -> Training:
        """All at once: the first skill's data with every other's at the same share."""
        share = 0.5 / len(SKILLS)
        return Training(JOINT, SKILLS[0], self.seed, replayed=tuple((one, share) for one in SKILLS[1:]))

    def merged_start(self, number: int) -> Path:
        """Where eq. 4's θ̃_n lies once it is made."""
        return WORK / "policies" / "sequential-retain" / f"s{self.seed}-{self.sequential()[0].key[-8:]}-{number}"

    def retain(self) -> list[Training]:
        """θ_ft,n, each finetuned from θ̃_{n−1}."""
        starts = [BASE, *(str(self.merged_start(number)) for number in range(1, len(SKILLS)))]
        return [Training(CO_FT, skill, self.seed, start) for skill, start in zip(SKILLS, starts, strict=True)]

    def _chain(self, recipe: Recipe, replayed: list[tuple[str, float]]) -> list[Training]:
        chain = [Training(recipe, SKILLS[0], self.seed)]
        for skill in SKILLS[1:]:
            chain.append(Training(recipe, skill, self.seed, str(chain[-1].path), tuple(replayed)))
        return chain


def train(seeds: tuple[int, ...], workers: int, say: Callable[[str], None]) -> None:
    """The chains of all seeds beside each other, one link after the other."""
    lines = [Line(seed) for seed in seeds]
    train_all([one for line in lines for one in (*line.parallel(), line.joint())], workers, say)
    for number in range(len(SKILLS)):
        links = [one for line in lines for one in (line.sequential()[number], line.replayed()[number])]
        links += [line.retain()[number] for line in lines]
        train_all(links, workers, say)
        for line in lines:
            _merge_link(line, number)


def _merge_link(line: Line, number: int) -> None:
    """θ̃_{n+1} = (1 − α)·θ̃_n + α·θ_ft,n+1, written by `retain merge`'s own library."""
    from retain.merge import merge
    from retain.policy import resolve

    output = line.merged_start(number + 1)
    if not output.exists():
        end = line.retain()[number]
        output.parent.mkdir(parents=True, exist_ok=True)
        merge(resolve(end.base), end.path, output, ALPHA)


def policies(line: Line, skills: int) -> dict[str, Candidate]:
    """Every method's policy after so many skills."""
    ends = [(one.key, one.path) for one in line.parallel()[:skills]]
    paths = tuple(path for _, path in ends)
    key = f"parallel-s{line.seed}-{ends[0][0][-8:]}-{skills}"
    added = Candidate(
        f"{key}@0.4", BASE, paths, tuple(dict.fromkeys(("vision", "language", "action"), 0.4).items()),
        (("method", "task_arithmetic"),),
    )  # fmt: skip
    elected = Candidate(
        f"{key}-ties@1", BASE, paths, tuple(dict.fromkeys(("vision", "language", "action"), 1.0).items()),
        (("method", "ties"), ("density", 0.3)),
    )  # fmt: skip
    sequential, replayed = line.sequential()[skills - 1], line.replayed()[skills - 1]
    retained = line.merged_start(skills)
    found = {
        "sequential co-FT": merged(sequential.key, sequential.path),
        "sequential RETAIN": merged(f"sequential-retain/{retained.name}", retained),
        "parallel task vectors": added,
        "parallel TIES": elected,
        "replay": merged(replayed.key, replayed.path),
        "anchored": merged(replayed.key, replayed.path, ALPHA),
    }
    if skills == len(SKILLS):
        found["joint"] = merged(line.joint().key, line.joint().path)
    return found


def stage_cells(line: Line, method: str, skills: int) -> list[Cell]:
    """A method's policy after so many skills, on all of those; at the end on more."""
    policy = policies(line, skills)[method]
    if skills < len(SKILLS):
        return [Cell(policy, skill, line.seed, "id", STAGE_N) for skill in SKILLS[:skills]]
    found = [Cell(policy, skill, line.seed, suite, n) for skill in SKILLS for suite, n in FINAL_N.items()]
    return [*found, Cell(policy, SKILLS[0], line.seed, "generalist", GENERALIST_N)]


def cells(line: Line) -> list[Cell]:
    """Everything that is measured for one seed."""
    found = [Cell(base(), skill, line.seed, suite, n) for skill in SKILLS for suite, n in FINAL_N.items()]
    found.append(Cell(base(), SKILLS[0], line.seed, "generalist", GENERALIST_N))
    for method in METHODS:
        stages = range(1, len(SKILLS) + 1) if method in STAGED else [len(SKILLS)]
        found += [cell for skills in stages for cell in stage_cells(line, method, skills)]
    return found


def run(workers: int, say: Callable[[str], None], seeds: tuple[int, ...] = SEEDS) -> None:
    """Train the chains, measure every stage, write the results."""
    train(seeds, workers, say)
    wanted = [cell for seed in seeds for cell in cells(Line(seed))]
    kept = measure(wanted, workers, say)
    write_outcomes("E6", wanted, kept)
    write_json("E6", tables(kept, seeds))


def tables(kept: Store, seeds: tuple[int, ...]) -> dict[str, Any]:
    """The matrix R_ij, and at the end: mean over learnt skills, forgetting, generalist."""
    last = len(SKILLS)

    def group(policy: Candidate, skill: str, seed: int, suite: str, n: int) -> Group:
        return kept.successes(Cell(policy, skill, seed, suite, n).place, n)

    def final(method: str, suite: str) -> list[Group]:
        """One group per seed: all skills' episodes."""
        found = []
        for seed in seeds:
            policy = base() if method == "base" else policies(Line(seed), last)[method]
            if suite == "generalist":
                found.append(group(policy, SKILLS[0], seed, suite, GENERALIST_N))
            else:
                found.append(np.concatenate([group(policy, skill, seed, suite, FINAL_N[suite]) for skill in SKILLS]))
        return found

    suites = (*FINAL_N, "generalist")
    table = {method: {suite: vars(mean(final(method, suite))) for suite in suites} for method in ("base", *METHODS)}
    against = {
        method: {
            reference: {suite: vars(difference(final(reference, suite), final(method, suite))) for suite in suites}
            for reference in ("sequential co-FT", "sequential RETAIN")
        }
        for method in METHODS
    }
    matrix = {}
    for method in STAGED:
        rows = []
        for skills in range(1, last + 1):
            n = FINAL_N["id"] if skills == last else STAGE_N
            after = {seed: policies(Line(seed), skills)[method] for seed in seeds}
            rows.append(
                [
                    float(np.mean([group(after[seed], skill, seed, "id", n) for seed in seeds]))
                    for skill in SKILLS[:skills]
                ]
            )
        matrix[method] = {"rows": rows, "forgetting": _forgetting(rows)}
    return {"skills": SKILLS, "seeds": seeds, "alpha": ALPHA, "table": table, "against": against, "matrix": matrix}


def _forgetting(rows: list[list[float]]) -> float:
    """Mean over skills but the last of the best success so far minus the success at the end (Chaudhry et al. 2018)."""
    final = rows[-1]
    drops = [max(row[skill] for row in rows[skill:-1]) - final[skill] for skill in range(len(final) - 1)]
    return float(np.mean(drops))
