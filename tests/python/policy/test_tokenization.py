import numpy as np
import pytest
from retain.errors import PolicyError
from retain.policy.tokenization import PADDING, read_tokenizer, tokenize, train_tokenizer

CORPUS = ["place the red block near right", "push the blue block far left", "lift the green block"]


@pytest.fixture
def tokenizer():
    return train_tokenizer(CORPUS, vocabulary=128, max_tokens=10)


def test_every_known_word_is_one_token(tokenizer):
    ids, mask = tokenize(tokenizer, CORPUS)
    assert ids.shape == mask.shape == (3, 10)
    assert mask.sum(1).tolist() == [6, 6, 4]


def test_padding_is_at_the_end_and_masked(tokenizer):
    ids, mask = tokenize(tokenizer, CORPUS)
    assert (ids[~mask] == tokenizer.token_to_id(PADDING)).all()
    assert (np.diff(mask.astype(int), axis=1) <= 0).all()


def test_case_does_not_matter_and_long_instructions_are_cut(tokenizer):
    lower, _ = tokenize(tokenizer, ["lift the green block"])
    upper, _ = tokenize(tokenizer, ["LIFT the Green block"])
    assert (lower == upper).all()
    assert tokenize(tokenizer, ["lift " * 50])[1].sum() == 10


def test_unknown_words_are_spelled_not_lost(tokenizer):
    ids, mask = tokenize(tokenizer, ["lift mauve"])
    assert mask.sum() > 2
    assert tokenizer.token_to_id("[UNK]") not in ids[mask].tolist()


def test_order_and_repetition_of_the_corpus_do_not_matter(tokenizer):
    again = train_tokenizer([*reversed(CORPUS), CORPUS[0]], vocabulary=128, max_tokens=10)
    assert again.to_str() == tokenizer.to_str()


def test_a_file_that_is_no_tokenizer_is_named(tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_text("{}")
    with pytest.raises(PolicyError, match=r"tokenizer\.json is not a tokenizer"):
        read_tokenizer(path, 16)
