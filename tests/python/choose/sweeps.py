"""Sweeps with made-up outcomes."""

from hypothesis import strategies as st
from retain.choose import GENERALIST, VALIDATION, Candidate, Proxies, Recommendation, Sweep
from retain.evaluate.result import EvaluationResult, PolicyOutcomes
from retain.evaluate.rollout import Outcome

EPISODES = 100


def made_up(cells):
    """Successes out of 100 each: {α: (validation, generalist)} or {α: (validation, generalist, id)}.

    An α by component is a tuple of pairs, which can be a key.
    """
    candidates = tuple(Candidate.of(dict(one) if isinstance(one, tuple) else one) for one in cells)
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


def proxy_rows(alphas):
    """Made-up proxies: the new task is best done at α = .8, the old ones by the base."""
    rows = []
    for alpha in alphas:
        one = Candidate.of(alpha)
        share = one.finetuned_share
        numbers = {"target_error": 0.1 + abs(share - 0.8), "generalist_error": 0.1 + share**2, "drift": share}
        rows.append(Proxies(one.alpha, target_loss=0.5, generalist_loss=0.5, **numbers))
    return tuple(rows)


def recommendation(alpha):
    """A made-up recommendation."""
    return Recommendation(Candidate.of(alpha).alpha, "it lies between", ("a little",), ("contact",))
