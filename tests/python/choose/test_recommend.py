"""The recommendation is a pure function of what was measured."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retain.choose.proxies import Proxies, ProxyTable
from retain.choose.recommend import Rule, recommend
from retain.errors import EvaluationError
from retain.evaluate.interpolate import per_component


def row(alpha, loss, drift):
    return Proxies(tuple(per_component(alpha).items()), loss, loss, 0.2, 0.2, drift, 0.0, 0.0, 0.0)


def table(losses, drifts):
    alphas = [index / (len(losses) - 1) for index in range(len(losses))]
    rows = tuple(row(*values) for values in zip(alphas, losses, drifts, strict=True))
    return ProxyTable("base", "finetuned", rows, 0.0, 0.0)


inner = st.lists(st.tuples(st.floats(0.05, 1.2), st.floats(0, 2)), min_size=1, max_size=8)


@given(inner, st.floats(0.05, 1.0))
def test_what_is_taken_has_learnt_enough_and_nothing_that_has_drifts_less(found, share):
    measured = table([1.0, *(loss for loss, _ in found), 0.1], [0.0, *(drift for _, drift in found), 1.0])
    taken = recommend(measured, Rule(share))
    enough = [one for one in measured.rows if (1.0 - one.target_loss) / 0.9 >= share - 1e-9]
    assert taken.learnt >= share - 1e-6
    assert dict(taken.alpha) in [dict(one.alpha) for one in enough]
    assert taken.drift == pytest.approx(min(one.drift for one in enough))


@given(inner)
def test_asking_for_more_never_lowers_what_is_learnt_nor_the_drift(found):
    measured = table([1.0, *(loss for loss, _ in found), 0.1], [0.0, *(drift for _, drift in found), 1.0])
    half, most = recommend(measured, Rule(0.5)), recommend(measured, Rule(0.9))
    assert most.drift >= half.drift - 1e-12


def test_components_compete_with_one_alpha_for_all():
    rows = (row(0.0, 1.0, 0.0), row(1.0, 0.1, 1.0), row({"language": 1.0}, 0.15, 0.3))
    taken = recommend(ProxyTable("base", "finetuned", rows, 0.0, 0.0))
    assert dict(taken.alpha) == {"vision": 0.0, "language": 1.0, "action": 0.0}
    assert "vision=0 language=1 action=0 has 94 %" in taken.reason


def test_a_finetuning_that_learnt_nothing_is_one_sentence():
    with pytest.raises(EvaluationError, match=r"0\.1000 for the base and 0\.2000 for the finetuned policy; expected"):
        recommend(table([0.1, 0.2], [0.0, 1.0]))
    with pytest.raises(EvaluationError, match="expected 0 to 1"):
        Rule(1.5)
