"""The inverted index of thesis section 4.3, for one feature (1-D), two (2-D) or any number.

An entry is a word of each feature; it lists the images with a patch of exactly these words. Two patches match
if their words are the same, and a match weighs idf^2 with idf = N / n, N the number of images and n of those
in the entry (equations 4.2 and 4.3); the usual idf, log(N / n), is there as well. With multiple assignment a
query's patch stands for several words of each feature, and looks into every combination of them once.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import sparse

from kzoo.errors import UsageError
from kzoo.systems.deepindex.codebook import Words

InverseFrequency = Literal["ratio", "log"]
INVERSE_FREQUENCIES: tuple[InverseFrequency, ...] = ("ratio", "log")


class InvertedIndex:
    """Entries and the images in them, as a sparse matrix (entries, images) of counts of patches."""

    def __init__(
        self, sizes: tuple[int, ...], keys: npt.NDArray[np.int64], postings: Any, idf: InverseFrequency
    ) -> None:
        self._sizes = sizes
        self._keys = keys
        self._postings = postings
        self._idf = idf

    @classmethod
    def build(cls, words: Words, sizes: tuple[int, ...], idf: InverseFrequency = "ratio") -> InvertedIndex:
        """Make the index of images.

        Args:
            words: int64 (N, P, F), of each image, patch and feature.
            sizes: words in the codebook of each of the F features.
            idf: "ratio" for N / n, as the thesis prints it; "log" for log(N / n).

        Raises:
            UsageError: if a word is not in its codebook, there is no image, shapes do not fit, or idf is
                neither.
        """
        if idf not in INVERSE_FREQUENCIES:
            raise UsageError(f"idf is {idf!r}; expected one of {INVERSE_FREQUENCIES}")
        if words.ndim != 3 or words.shape[2] != len(sizes) or not words.size:
            raise UsageError(f"expected words (N, P, {len(sizes)}), N at least 1; received {words.shape}")
        keys, entries = np.unique(_keys(words, sizes), return_inverse=True)
        images = np.repeat(np.arange(len(words), dtype=np.int32), words.shape[1])
        counts = np.ones(images.size, np.uint16)
        postings = sparse.csr_array((counts, (entries.ravel(), images)), shape=(len(keys), len(words)))
        postings.sum_duplicates()
        return cls(sizes, keys, postings, idf)

    def __len__(self) -> int:
        """Return the number of images."""
        return int(self._postings.shape[1])

    @property
    def nbytes(self) -> int:
        """Bytes in memory: entries, the images in them, and the counts."""
        parts = (self._keys, self._postings.indptr, self._postings.indices, self._postings.data)
        return sum(part.nbytes for part in parts)

    def idf(self) -> npt.NDArray[np.float64]:
        """Return N / n, or its logarithm, of each entry, float64 (E,)."""
        ratio = len(self) / np.diff(self._postings.indptr)
        return np.log(ratio) if self._idf == "log" else ratio

    def votes(self, words: Words) -> npt.NDArray[np.float64]:
        """Return the sum over matching patches of idf^2, float64 (Q, N), of queries to images.

        Args:
            words: int64 (Q, P, F, A): of each query and patch, A different words of each feature.

        Raises:
            UsageError: if a word is not in its codebook, or shapes do not fit.
        """
        if words.ndim != 4 or words.shape[2] != len(self._sizes):
            raise UsageError(f"expected words (Q, P, {len(self._sizes)}, A); received {words.shape}")
        places, known = self._find(_combinations(words).reshape(len(words), -1, len(self._sizes)))
        queries, _ = np.nonzero(known)
        entries = places[known]
        weights = self._weights(entries)
        asked = sparse.csr_array((weights, (queries, entries)), shape=(len(words), len(self._keys)))
        return (asked @ self._postings).toarray()

    def weights_of(self, words: Words) -> npt.NDArray[np.float64]:
        """Return idf^2 of the entry of each (...,) of words int64 (..., F); 0 where no image has them.

        Raises:
            UsageError: if a word is not in its codebook.
        """
        entries, known = self._find(words)
        return np.where(known, self._weights(entries), 0.0)

    def _find(self, words: Words) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """Return the entry of each (...,) of words (..., F), and whether there is one."""
        keys = _keys(words, self._sizes)
        entries = np.searchsorted(self._keys, keys).clip(max=len(self._keys) - 1)
        return entries, self._keys[entries] == keys

    def _weights(self, entries: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        return np.square(self.idf())[entries]


def _combinations(words: Words) -> Words:
    """Return (Q, P, C, F): every combination of one word of each feature, of (Q, P, F, A)."""
    count, features = words.shape[3], words.shape[2]
    chosen = np.indices((count,) * features).reshape(features, -1)
    return np.stack([words[:, :, feature, chosen[feature]] for feature in range(features)], axis=-1)


def _keys(words: Words, sizes: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Return one number for the words of all features, (...,) of (..., F)."""
    if math.prod(sizes) > np.iinfo(np.int64).max:
        raise UsageError(f"codebooks of {sizes} words have more combinations than can be numbered")
    if words.size and (words.min() < 0 or np.any(words.max(axis=tuple(range(words.ndim - 1))) >= sizes)):
        raise UsageError(f"a word is not in its codebook; they have {sizes} words")
    keys = np.zeros(words.shape[:-1], np.int64)
    for feature, size in enumerate(sizes):
        keys = keys * size + words[..., feature]
    return keys
