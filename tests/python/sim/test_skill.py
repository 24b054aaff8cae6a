import pytest
from retain.errors import SimulationError
from retain.sim import COLORS, DEMO_SKILL, HELD_OUT, PRETRAINING, SKILLS, Skill


def test_every_skill_is_either_pretrained_or_held_out() -> None:
    assert set(PRETRAINING) | set(HELD_OUT) == set(SKILLS)
    assert not set(PRETRAINING) & set(HELD_OUT)
    assert len(PRETRAINING) >= 100


def test_the_demo_relation_is_in_pretraining_in_no_color() -> None:
    assert HELD_OUT[0] == DEMO_SKILL
    assert all(Skill("place", color, "near right") in HELD_OUT for color in COLORS)


def test_at_least_three_relations_or_combinations_are_held_out() -> None:
    assert len({skill.relation for skill in HELD_OUT}) >= 3


def test_every_word_of_a_held_out_skill_is_known_from_pretraining() -> None:
    known = {word for skill in PRETRAINING for word in (skill.verb, skill.color, *(skill.place or "").split())}
    for skill in HELD_OUT:
        assert {skill.verb, skill.color, *(skill.place or "").split()} <= known


def test_both_words_of_a_held_out_corner_are_known_with_the_same_verb() -> None:
    for skill in HELD_OUT:
        for word in (skill.place or "").split():
            others = [known for known in PRETRAINING if known.verb == skill.verb and known.place != skill.place]
            assert skill.place == "pad" or any(word in (known.place or "").split() for known in others)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("fly", "red", None), "no verb 'fly'"),
        (("lift", "beige", None), "no 'beige' block"),
        (("push", "red", "pad"), "does not go with the place 'pad'"),
        (("lift", "red", "left"), "does not go with the place 'left'"),
        (("place", "red", None), "does not go with the place None"),
    ],
)
def test_words_that_make_no_skill_are_refused(words: tuple[str, str, str | None], complaint: str) -> None:
    with pytest.raises(SimulationError, match=complaint):
        Skill(*words)
