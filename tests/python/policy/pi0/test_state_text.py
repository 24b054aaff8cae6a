import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from retain.errors import PolicyError
from retain.policy.pi0.pi05 import number_state, spell_state
from retain.policy.pi0.state_text import OPENING, STATE, StateText, whole_text
from tokenizers import Tokenizer
from tokenizers.models import BPE, Unigram
from tokenizers.normalizers import Replace
from tokenizers.pre_tokenizers import Digits
from tokenizers.trainers import BpeTrainer

from . import tiny


def digits_joined():
    """A vocabulary with whole numbers in it, like most."""
    tokenizer = Tokenizer(BPE(unk_token="<unk>"))
    tokenizer.normalizer = Replace(" ", "▁")
    tokenizer.train_from_iterator(
        [whole_text("lift it", [number]) for number in range(-1, 256)] * 2,
        BpeTrainer(vocab_size=400, special_tokens=["<unk>"], show_progress=False),
    )
    return tokenizer


def unigram():
    """The other model that SentencePiece has, digits apart."""
    pieces = [chr(code) for code in range(33, 127)] + ["\n", "▁", "▁State", "State", "Action", "Task", "▁-", "▁lift"]
    tokenizer = Tokenizer(Unigram([("<unk>", 0.0), *((piece, -2.0 - len(piece)) for piece in pieces)], unk_id=0))
    tokenizer.normalizer = Replace(" ", "▁")
    tokenizer.pre_tokenizer = Digits(individual_digits=True)
    return tokenizer


TOKENIZERS = {"bpe": tiny.gemma_like_tokenizer(16), "unigram": unigram()}
TEXTS = {name: StateText.of(tokenizer) for name, tokenizer in TOKENIZERS.items()}


def free(tokenizer):
    copy = Tokenizer.from_str(tokenizer.to_str())
    copy.no_truncation()
    copy.no_padding()
    return copy


@settings(deadline=None)
@given(st.lists(st.floats(-10, 10, width=32), min_size=1, max_size=40))
def test_states_are_numbered_as_numpys_digitize_numbers_them(values):
    """openpi and LeRobot: digitize(state, linspace(-1, 1, 257)[:-1]) - 1."""
    expected = np.digitize(np.array(values, np.float32), np.linspace(-1, 1, 257)[:-1]) - 1
    assert number_state(torch.tensor(values)).tolist() == expected.tolist()


def test_the_limits_of_the_numbers_are_the_sources():
    limits = torch.linspace(-1, 1, 257)
    below = torch.nextafter(limits, torch.tensor(-2.0))
    for values in (limits, below, -limits * 1e-7):
        expected = np.digitize(values.numpy(), np.linspace(-1, 1, 257)[:-1]) - 1
        assert number_state(values).tolist() == expected.tolist()


@pytest.mark.parametrize("kind", TOKENIZERS)
@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.floats(-1.5, 1.5, width=32), min_size=1, max_size=9),
    st.sampled_from([*tiny.INSTRUCTIONS, "x", "lift 3 blocks, then 14: done;"]),
)
def test_the_pieces_are_the_whole_sentence(kind, state, instruction):
    tokenizer, text = free(TOKENIZERS[kind]), TEXTS[kind]
    numbers = [int(number) for number in number_state(torch.tensor(state))]
    ids, known = spell_state(torch.tensor([state]), text)
    opening = tokenizer.encode(OPENING + instruction + STATE).ids
    assert [*opening, *ids[known].tolist()] == tokenizer.encode(whole_text(instruction, numbers)).ids


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_every_number_is_spelled_as_in_the_sentence(kind):
    tokenizer, text = free(TOKENIZERS[kind]), TEXTS[kind]
    numbers = range(-1, 256)
    state = (torch.tensor([*numbers]) - 127.5)[:, None] / 128
    ids, known = spell_state(state, text)
    assert ids.shape == known.shape == (257, text.columns + len(text.action))
    for number, row, real in zip(numbers, ids, known, strict=True):
        opening = tokenizer.encode(OPENING + "x" + STATE).ids
        assert [*opening, *row[real].tolist()] == tokenizer.encode(whole_text("x", [number])).ids
        assert text.ids([number]) == row[real].tolist()


def test_a_tokenizer_that_joins_digits_is_refused():
    with pytest.raises(PolicyError, match="would join a number"):
        StateText.of(digits_joined())


def test_a_tokenizer_whose_colon_takes_the_space_is_refused():
    tokenizer = tiny.gemma_like_tokenizer(16)
    tokenizer.add_tokens([":▁"])
    with pytest.raises(PolicyError, match="':▁'"):
        StateText.of(tokenizer)


def test_a_tokenizer_that_rewrites_numbers_is_refused():
    tokenizer = tiny.gemma_like_tokenizer(16)
    tokenizer.normalizer = Replace("255", "the most")
    with pytest.raises(PolicyError, match="differently in a sentence"):
        StateText.of(tokenizer)


def test_the_tokenizer_keeps_its_padding():
    tokenizer = tiny.gemma_like_tokenizer(16)
    before = tokenizer.to_str()
    StateText.of(tokenizer)
    assert tokenizer.to_str() == before
