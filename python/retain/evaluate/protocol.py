"""Every policy does the same episodes of every suite; each outcome is kept; an interrupted run goes on."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from retain.errors import EvaluationError
from retain.evaluate.jobs import Job, cut
from retain.evaluate.keeper import Keeper
from retain.evaluate.result import EvaluationResult, PolicyOutcomes
from retain.evaluate.result_file import check_name, load_result
from retain.evaluate.rollout import Outcome
from retain.evaluate.source import Source
from retain.evaluate.workers import executor
from retain.sim import Skill, instruction
from retain.worlds import TABLETOP, Episode, World

SIMS_PER_WORKER = 16


def evaluate(
    policies: Mapping[str, Source],
    suites: Sequence[str],
    skill: Skill | str,
    n: int | Mapping[str, int],
    *,
    world: World = TABLETOP,
    seed: int = 0,
    workers: int = 1,
    ray: str | None = None,
    sims: int = SIMS_PER_WORKER,
    path: Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> EvaluationResult:
    """Evaluate policies on suites.

    The counts do not depend on `workers`, `ray` or `sims`, on the order of policies, or on interruptions.

    Args:
        policies: Name → where the policy comes from.
        suites: Names of the world's suites.
        skill: What the suites are about, in the world's words, or one of the tabletop's skills.
        n: Episodes per suite, the same for all or by suite.
        world: Where the policies play.
        seed: Decides the episodes; the same for every policy.
        workers: Processes.
        ray: Address of a Ray cluster that plays the episodes instead; "local" starts one on this machine.
        sims: Simulations beside each other per process.
        path: A parquet file that keeps results as they come. Episodes that it already holds are not run again.
        progress: Called with the number of episodes just done, those found in the file included.

    Raises:
        EvaluationError: A number is impossible, a policy does not fit the world, or the file is of another run.
    """
    sizes = _sizes(n, suites)
    if min(*sizes.values(), workers, sims) < 1:
        raise EvaluationError(f"n = {n}, workers = {workers}, sims = {sims}; expected at least 1 of each")
    if unknown := [suite for suite in suites if suite not in world.suites]:
        raise EvaluationError(
            f"there is no suite {unknown[0]!r} in {world.name}; expected some of {', '.join(world.suites)}"
        )
    words = world.canonical(skill if isinstance(skill, str) else instruction(skill))
    plan = {suite: world.episodes(suite, words, sizes[suite], seed) for suite in suites}
    result = _begin(path, words, seed)
    _adopt(result, {name: source.fingerprint() for name, source in policies.items()}, path)
    advance = progress or (lambda count: None)
    jobs = []
    for name, source in policies.items():
        for suite in suites:
            cell = result.policies[name].suites.setdefault(suite, {})
            _check_same_episodes(cell, plan[suite], suite, path)
            missing = [(index, episode) for index, episode in enumerate(plan[suite]) if index not in cell]
            advance(sizes[suite] - len(missing))
            jobs += [Job(name, suite, source, tuple(missing))] if missing else []

    def keep(job: Job, outcomes: list[Outcome]) -> None:
        cell = result.policies[job.policy].suites[job.suite]
        cell.update(zip((index for index, _ in job.episodes), outcomes, strict=True))
        keeper.changed()

    if jobs:
        # The keeper is the inner one: it writes before workers are asked to end.
        with (
            closing(executor(world=world, workers=workers, sims=sims, ray=ray)) as where,
            Keeper(result, path) as keeper,
        ):
            where.run(cut(jobs, where.workers), keep, advance)
    return _only(result, list(policies), sizes)


def _sizes(n: int | Mapping[str, int], suites: Sequence[str]) -> dict[str, int]:
    """Episodes of each suite, in the order of the suites."""
    if not suites:
        raise EvaluationError("no suite is given; expected at least one")
    if twice := [suite for at, suite in enumerate(suites) if suite in suites[:at]]:
        raise EvaluationError(f"the suite {twice[0]!r} is given twice; give it once, and a larger n for more")
    if isinstance(n, int):
        return dict.fromkeys(suites, n)
    if without := [suite for suite in suites if suite not in n]:
        raise EvaluationError(f"n says nothing of the suite {without[0]!r}; give it a number of episodes as well")
    if idle := [suite for suite in n if suite not in suites]:
        raise EvaluationError(
            f"n speaks of {idle[0]!r}, which is not among the suites {', '.join(suites)}; add it there"
        )
    return {suite: n[suite] for suite in suites}


def _begin(path: Path | None, skill: str, seed: int) -> EvaluationResult:
    if path is None:
        return EvaluationResult(skill, seed)
    check_name(path)
    if not path.exists():
        return EvaluationResult(skill, seed)
    result = load_result(path)
    if (result.skill, result.seed) != (skill, seed):
        raise EvaluationError(
            f"{path} holds results for {result.skill!r} with seed {result.seed}, not {skill!r} with seed {seed};"
            " give another -o file"
        )
    return result


def _adopt(result: EvaluationResult, fingerprints: Mapping[str, str], path: Path | None) -> None:
    """Make a place for each policy, in which outcomes of the same name and fingerprint are kept."""
    for name, fingerprint in fingerprints.items():
        known = result.policies.setdefault(name, PolicyOutcomes(fingerprint))
        if known.fingerprint != fingerprint:
            raise EvaluationError(
                f"{path} holds results of another policy under the name {name!r} (its files have changed since);"
                " give another -o file"
            )


def _check_same_episodes(cell: Mapping[int, Outcome], plan: Sequence[Episode], suite: str, path: Path | None) -> None:
    for index, outcome in cell.items():
        if index < len(plan) and (outcome.seed, outcome.skill) != (plan[index].seed, plan[index].task):
            raise EvaluationError(f"{path} holds other episodes of {suite}: it has changed since; give another -o file")


def _only(result: EvaluationResult, policies: Sequence[str], sizes: Mapping[str, int]) -> EvaluationResult:
    """What was asked for, without what else the file holds."""
    asked = EvaluationResult(result.skill, result.seed)
    for name in policies:
        kept = result.policies[name]
        cells = {suite: {index: kept.suites[suite][index] for index in range(n)} for suite, n in sizes.items()}
        asked.policies[name] = PolicyOutcomes(kept.fingerprint, cells)
    return asked
