"""BERT's tokenisation in TensorFlow operations of the core, so that exported graphs take raw strings.

What the `tokenizers` package's BertNormalizer, BertPreTokenizer and WordPiece give (Devlin et al. 2019):
cleaned, without accents, in lower case, split at blanks and punctuation, each word cut into the longest
pieces of the vocabulary from left to right. Characters of scripts that are newer than one of the two Unicode
tables may be classed differently.
"""

from __future__ import annotations

import functools
import itertools
import unicodedata
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from kzoo.errors import UsageError

UNKNOWN, FIRST, LAST, PADDING = "[UNK]", "[CLS]", "[SEP]", "[PAD]"
LONGEST_WORD = 100
CODE_POINTS = 0x30000
"""Code points beyond are letters that stay as they are."""

BLANK = ord(" ")
DROPPED = ("Cc", "Cf", "Co", "Cs")
UNCHANGED = ("Lo", "Cn")
"""Letters without case, and what is not assigned: no accent, no other case, no punctuation."""
CHINESE = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


class WordPiece(tf.Module):
    """Strings to token ids.

    Args:
        vocabulary: the pieces; an id is an index into it. Pieces that do not begin a word begin with "##".
        max_length: tokens of a text at most, its first and last token included; what is more is cut off.

    Raises:
        UsageError: for a vocabulary without the four special pieces, or a length below 3.
    """

    def __init__(self, vocabulary: Sequence[str], max_length: int) -> None:
        super().__init__(name="word_piece")
        missing = [piece for piece in (UNKNOWN, FIRST, LAST, PADDING) if piece not in vocabulary]
        if missing or max_length < 3:
            raise UsageError(
                f"expected a vocabulary with {', '.join(missing) or 'all special pieces'} and max_length of "
                f"3 or more; received {len(vocabulary)} pieces and max_length {max_length}"
            )
        ids = {piece: number for number, piece in enumerate(vocabulary)}
        self.unknown, self.first, self.last, self.padding = (
            ids[piece] for piece in (UNKNOWN, FIRST, LAST, PADDING)
        )
        self.max_length = max_length
        self.longest_piece = max(len(piece.removeprefix("##")) for piece in vocabulary)
        initializer = tf.lookup.KeyValueTensorInitializer(
            list(vocabulary), tf.range(len(vocabulary), dtype=tf.int64)
        )
        self.ids = tf.lookup.StaticHashTable(initializer, default_value=-1)
        self.offsets, self.replacements = _replacements()

    def __call__(self, text: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the tokens of texts.

        Args:
            text: string (N,), UTF-8; bytes that are none are read as U+FFFD, which is dropped.

        Returns:
            token ids int32 (N, L), L the longest text of the batch, padded; and a mask int32 (N, L), 1 on
            tokens and 0 on padding.
        """
        words = tf.strings.split(self._cleaned(text))
        pieces = tf.RaggedTensor.from_row_splits(self._pieces(words.values), words.row_splits)
        tokens = pieces.merge_dims(1, 2)[:, : self.max_length - 2]
        ends = tf.ones((tf.shape(text)[0], 1), tf.int64)
        tokens = tf.concat([ends * self.first, tokens, ends * self.last], axis=1)
        mask = tf.cast(tf.sequence_mask(tokens.row_lengths()), tf.int32)
        return tf.cast(tokens.to_tensor(self.padding), tf.int32), mask

    def _cleaned(self, text: tf.Tensor) -> tf.Tensor:
        """Replace each code point by what the table says; words then stand between blanks."""
        points = tf.strings.unicode_decode(text, "UTF-8", errors="replace")
        known = tf.minimum(points.values, CODE_POINTS)
        begins = tf.gather(self.offsets, known)
        lengths = tf.gather(self.offsets, known + 1) - begins
        beyond = points.values >= CODE_POINTS
        positions = tf.ragged.range(begins, begins + lengths)
        values = tf.gather(self.replacements, positions.values)
        values = tf.where(tf.repeat(beyond, lengths), tf.repeat(points.values, lengths), values)
        replaced = tf.RaggedTensor.from_row_splits(
            tf.RaggedTensor.from_row_splits(values, positions.row_splits), points.row_splits
        )
        return tf.strings.unicode_encode(replaced.merge_dims(1, 2), "UTF-8")

    def _pieces(self, words: tf.Tensor) -> tf.RaggedTensor:
        """Cut words (W,) into the ids of their pieces, ragged (W, None); the unknown one where none fit."""
        lengths = tf.strings.length(words, unit="UTF8_CHAR")
        sizes = tf.range(self.longest_piece, 0, -1)

        def longest_match(start: tf.Tensor, found: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            going_on = start < lengths
            candidates = tf.strings.substr(
                tf.repeat(words[:, None], self.longest_piece, axis=1),
                tf.repeat(tf.where(going_on, start, 0)[:, None], self.longest_piece, axis=1),
                tf.repeat(sizes[None], tf.size(words), axis=0),
                unit="UTF8_CHAR",
            )
            prefix = tf.where(start > 0, "##", "")[:, None]
            fits = (start[:, None] + sizes[None]) <= lengths[:, None]
            ids = tf.where(fits, self.ids.lookup(prefix + candidates), -1)
            best = tf.argmax(ids >= 0, axis=1, output_type=tf.int32)
            identifier = tf.gather(ids, best, batch_dims=1)
            step = tf.where(identifier >= 0, tf.gather(sizes, best), lengths)
            identifier = tf.where(identifier >= 0, identifier, NOTHING_FITS)
            identifier = tf.where(going_on, identifier, NOTHING_LEFT)
            return start + tf.where(going_on, step, 0), tf.concat([found, identifier[:, None]], axis=1)

        start = tf.where(lengths > LONGEST_WORD, lengths, 0)
        empty = tf.zeros((tf.size(words), 0), tf.int64)
        shapes = (tf.TensorShape([None]), tf.TensorShape([None, None]))
        _, found = tf.while_loop(
            lambda start, _: tf.reduce_any(start < lengths),
            longest_match,
            (start, empty),
            shape_invariants=shapes,
        )
        bad = tf.reduce_any(found == NOTHING_FITS, axis=1) | (lengths > LONGEST_WORD)
        kept = tf.ragged.boolean_mask(found, (found >= 0) & ~bad[:, None])
        unknown = tf.fill((tf.size(words), 1), tf.cast(self.unknown, tf.int64))
        unknown = tf.ragged.boolean_mask(unknown, bad[:, None])
        return tf.concat([kept, unknown], axis=1)


NOTHING_LEFT, NOTHING_FITS = np.int64(-1), np.int64(-2)


@functools.cache
def _replacements() -> tuple[np.ndarray, np.ndarray]:
    """Return offsets int32 (CODE_POINTS + 2,) into the replacements int32, one list after the other.

    The last list stands for all code points beyond, and holds one place for the code point itself.
    """
    lists = [_replacement(chr(point)) for point in range(CODE_POINTS)] + [[0]]
    lengths = np.fromiter(map(len, lists), np.int32, len(lists))
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return offsets, np.fromiter(itertools.chain.from_iterable(lists), np.int32, offsets[-1])


def _replacement(character: str) -> list[int]:
    point, category = ord(character), unicodedata.category(character)
    if character in "\t\n\r" or category.startswith("Z"):
        return [BLANK]
    if character in "\x00\ufffd" or category in DROPPED:
        return []
    chinese = any(low <= point <= high for low, high in CHINESE)
    if category in UNCHANGED and unicodedata.is_normalized("NFD", character):
        return [BLANK, point, BLANK] if chinese else [point]
    replacement = []
    for part in unicodedata.normalize("NFD", character):
        if unicodedata.category(part) != "Mn":
            for lower in part.lower():
                alone = chinese or _is_punctuation(lower)
                replacement += [BLANK, ord(lower), BLANK] if alone else [ord(lower)]
    return replacement


def _is_punctuation(character: str) -> bool:
    ascii_symbol = ord(character) < 128 and not character.isalnum() and character.isprintable()
    return (ascii_symbol and character != " ") or unicodedata.category(character).startswith("P")
