import numpy as np
import pytest
from retain.errors import SimulationError
from retain.sim import PRETRAINING, SKILLS, Skill, instruction, parse_instruction
from retain.sim.wording import wordings


def test_every_wording_of_every_skill_is_understood_and_unambiguous() -> None:
    texts = [(text, skill) for skill in SKILLS for kind in ("train", "held-out") for text in wordings(skill, kind)]
    assert len({text for text, _ in texts}) == len(texts)
    assert all(parse_instruction(text) == skill for text, skill in texts)


def test_held_out_wordings_are_new_sentences_of_words_that_pretraining_uses() -> None:
    seen = {text for skill in PRETRAINING for text in wordings(skill, "train")}
    words = {word for text in seen for word in text.split()}
    for skill in SKILLS:
        for text in wordings(skill, "held-out"):
            assert text not in seen
            assert set(text.split()) <= words


def test_canonical_wordings() -> None:
    assert instruction(Skill("place", "red", "near right")) == "place the red block near right"
    assert instruction(Skill("place", "red", "pad")) == "place the red block on the pad"
    assert instruction(Skill("lift", "blue")) == "lift the blue block"


def test_all_training_wordings_are_drawn() -> None:
    skill, rng = Skill("push", "green", "far left"), np.random.default_rng(0)
    assert {instruction(skill, "train", rng) for _ in range(100)} == set(wordings(skill, "train"))


def test_case_spaces_and_full_stops_do_not_matter() -> None:
    assert parse_instruction(" Lift the  Red block. ") == Skill("lift", "red")


def test_an_instruction_nobody_taught_is_refused_with_an_example() -> None:
    with pytest.raises(SimulationError, match="does not understand 'make coffee'; say it like"):
        parse_instruction("make coffee")
