"""Sweeps with made-up outcomes."""

from hypothesis import strategies as st
from retain.choose import GENERALIST, VALIDATION, Candidate, Sweep
from retain.evaluate.result import EvaluationResult, PolicyOutcomes
from retain.evaluate.rollout import Outcome

EPISODES = 100


def made_up(cells):
    """Successes out of 100 each: {α: (validation, generalist)} or {α: (validation, generalist, id)}."""
    candidates = tuple(map(Candidate.of, cells))
    result = EvaluationResult("reach the red block", 0)
    for candidate, counts in zip(candidates, cells.values(), strict=True):
        suites = {
            suite: {index: Outcome(index, "", index < count, 10) for index in range(EPISODES)}
            for suite, count in zip((VALIDATION, GENERALIST, "id"), counts, strict=False)
        }
        result.policies[candidate.name] = PolicyOutcomes("", suites)
    return Sweep(candidates, result)


def sweeps():
    """Any outcomes over α = 0, .25, .5, .75 and 1."""
    counts = st.tuples(st.integers(0, EPISODES), st.integers(0, EPISODES))
    cells = st.lists(counts, min_size=5, max_size=5)
    return cells.map(lambda found: made_up(dict(zip((0.0, 0.25, 0.5, 0.75, 1.0), found, strict=True))))
