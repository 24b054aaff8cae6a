"""Sweeps with made-up outcomes."""

from hypothesis import strategies as st
from retain.choose import GENERALIST, VALIDATION, Candidate, ProxyEvidence, Sweep
from retain.choose.proxies import Proxies, ProxyTable
from retain.choose.recommend import recommend
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


def proxies(alphas):
    """Made-up proxies over α from 0 to 1: nine tenths of the skill are learnt half-way, and drift grows evenly."""
    rows = []
    for one in map(Candidate.of, alphas):
        share = one.finetuned_share
        loss = 1.0 - 0.9 * min(1.0, 1.8 * share)
        rows.append(Proxies(one.alpha, loss, loss, 0.3, 0.3, share, share, 1 - share, 0.1))
    table = ProxyTable("base", "finetuned", tuple(rows), 0.0, 0.0)
    return ProxyEvidence(table, recommend(table))
