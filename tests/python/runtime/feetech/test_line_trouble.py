"""The bad cable itself: what it does, and that it says so."""

from hypothesis import given
from hypothesis import strategies as st
from retain.runtime.feetech.line_trouble import LineTrouble


def answer(servo: int, registers: bytes) -> bytes:
    body = bytes((servo, len(registers) + 2, 0)) + registers
    return b"\xff\xff" + body + bytes((~sum(body) & 0xFF,))


ROUNDS = st.lists(st.binary(min_size=8, max_size=10), min_size=1, max_size=6).map(
    lambda registers: [answer(servo, values) for servo, values in enumerate(registers, 1)]
)


@given(ROUNDS)
def test_a_good_cable_changes_nothing(answers: list[bytes]) -> None:
    trouble = LineTrouble()
    assert trouble.pass_on(answers) == (b"".join(answers), 0.0)
    assert trouble.counts.answers == len(answers)


@given(ROUNDS, st.integers(0, 1000))
def test_every_fault_is_counted_and_no_answer_counts_as_whole(answers: list[bytes], seed: int) -> None:
    trouble = LineTrouble()
    trouble.disturb(1.0, seed)
    _, late_s = trouble.pass_on(answers)
    counts = trouble.counts
    assert counts.lost + counts.broken + counts.cut_off + counts.late == len(answers)
    assert (late_s > 0) == (counts.late > 0)
    assert counts.longest_gap_s == 0.0  # no answer was handed over whole, so none ended a gap


def test_so_many_answers_are_faulty_as_was_asked() -> None:
    trouble = LineTrouble()
    trouble.disturb(0.25, seed=3)
    for _ in range(4000):
        trouble.pass_on([answer(1, bytes(8))])
    counts = trouble.counts
    kinds = (counts.lost, counts.broken, counts.cut_off, counts.late)
    assert 900 < sum(kinds) < 1100
    assert all(190 < kind < 310 for kind in kinds)


def test_nothing_is_heard_while_the_plug_is_touched() -> None:
    trouble = LineTrouble()
    assert trouble.hears()
    trouble.interrupt(3600.0)
    assert not trouble.hears()
    assert not trouble.hears()
    trouble.interrupt(-1.0)
    assert trouble.hears()
    assert (trouble.counts.interruptions, trouble.counts.packets_unheard) == (2, 2)
