"""What DeepIndex is compared with in tables 4.3 and 4.4: the kinds of method that the thesis lists, here.

Each stands for a kind, not for the paper: colours for [41], SIFT words for [170], a vector of the whole image
for [45], patch against patch for [6], SIFT words with signatures of a network for [46].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from kzoo.data.packages import require_packages
from kzoo.systems.deepindex.codebook import Codebook
from kzoo.systems.deepindex.signature import Signatures, root_feature
from kzoo.systems.deepindex.vectors import Floats

BINS = 8
MOST_KEYPOINTS = 500  # of an image, as [46]
MOST_TO_TRAIN_ON = 100_000
SIFT_DIMENSION = 128
_PATCHES_AT_ONCE = 64

Pixels = npt.NDArray[np.uint8]


def colour_histograms(images: Sequence[Pixels]) -> Floats:
    """Return the root of the share of each of 8 x 8 x 8 colours, float32 (N, 512) of length 1."""
    counts = []
    for image in images:
        bins = (image.reshape(-1, 3) // (256 // BINS)).astype(np.int64)
        numbers = (bins[:, 0] * BINS + bins[:, 1]) * BINS + bins[:, 2]
        counts.append(np.bincount(numbers, minlength=BINS**3))
    return root_feature(np.stack(counts))


def root_sift(image: Pixels) -> Floats:
    """Return the SIFT descriptors of an image as root features, float32 (K, 128), K from 0 to 500.

    Raises:
        DataError: if OpenCV is not installed.
    """
    require_packages("data", "cv2")
    import cv2

    create: Any = cv2.SIFT_create  # type: ignore[attr-defined]  # which cv2 finds as it is imported
    _, found = create(nfeatures=MOST_KEYPOINTS).detectAndCompute(image, None)
    if found is None:
        return np.zeros((0, SIFT_DIMENSION), np.float32)
    return root_feature(found[:MOST_KEYPOINTS][found[:MOST_KEYPOINTS].any(axis=1)])


def patch_to_patch(patches: Floats, queries: Floats) -> Floats:
    """Return the mean over a query's patches of the cosine to the nearest patch of an image, (Q, N).

    Args:
        patches, queries: float32 (N, P, D) and (Q, P, D), of length 1.
    """
    count, each = patches.shape[:2]
    flat = patches.reshape(count * each, -1)
    parts = []
    for start in range(0, len(queries), _PATCHES_AT_ONCE):
        asked = queries[start : start + _PATCHES_AT_ONCE]
        cosines = asked.reshape(-1, asked.shape[-1]) @ flat.T
        best = cosines.reshape(len(asked), each, count, each).max(axis=3)
        parts.append(best.mean(axis=1))
    return np.concatenate(parts)


@dataclass(frozen=True)
class SiftWords:
    """Images as bags of SIFT words, weighed by tf-idf; with signatures, votes scaled as DeepIndex's are.

    Attributes:
        words: found by k-means.
        weights: idf of each word, float64 (K,).
        bags: tf-idf of the images' words, rows of length 1, sparse (N, K).
        signatures: of the images, or None.
    """

    words: Codebook
    weights: npt.NDArray[np.float64]
    bags: Any
    signatures: Signatures | None = None

    @classmethod
    def build(cls, words: Codebook, descriptors: Sequence[Floats]) -> SiftWords:
        """Index images by their descriptors, each float32 (K, 128)."""
        counts = _counts(words, descriptors)
        images = np.bincount(counts.tocoo().coords[1], minlength=len(words))
        weights = np.log(len(descriptors) / np.maximum(images, 1))
        return cls(words, weights, _of_length_one(counts, weights))

    @property
    def word_bytes(self) -> int:
        """Bytes of the images' words in memory."""
        parts = (self.bags.indptr, self.bags.indices, self.bags.data.astype(np.float32))
        return sum(part.nbytes for part in parts)

    def scores(
        self, descriptors: Sequence[Floats], whole: Floats | None = None, alpha: float = 0.0
    ) -> npt.NDArray[np.float64]:
        """Return cosines of bags, times exp(-alpha d) with signatures, float64 (Q, N).

        Args:
            descriptors: of each query.
            whole: float32 (Q, D), of the whole queries, for the signatures.
            alpha: strength of the signatures.
        """
        asked = _of_length_one(_counts(self.words, descriptors), self.weights)
        found: npt.NDArray[np.float64] = (asked @ self.bags.T).toarray()
        if self.signatures is not None and whole is not None:
            found *= np.exp(-alpha * self.signatures.distances(whole).astype(np.float64))
        return found


def train_words(descriptors: Sequence[Floats], count: int, seed: int) -> Codebook:
    """Find `count` words of the descriptors of many images, or of 100,000 drawn from them."""
    together = np.concatenate(descriptors)
    if len(together) > MOST_TO_TRAIN_ON:
        chosen = np.random.default_rng(seed).choice(len(together), MOST_TO_TRAIN_ON, replace=False)
        together = together[np.sort(chosen)]
    return Codebook.train(together, count, seed=seed)


def _counts(words: Codebook, descriptors: Sequence[Floats]) -> Any:
    """Return how often each image has each word, sparse float64 (N, K)."""
    images = np.repeat(np.arange(len(descriptors)), [len(one) for one in descriptors])
    found = words.nearest(np.concatenate(descriptors))[:, 0] if images.size else images
    shape = (len(descriptors), len(words))
    return sparse.csr_array((np.ones(images.size), (images, found)), shape=shape)


def _of_length_one(counts: Any, weights: npt.NDArray[np.float64]) -> Any:
    weighed = sparse.csr_array(counts * weights[None])
    lengths = np.sqrt(weighed.multiply(weighed).sum(axis=1))
    return sparse.csr_array(sparse.diags_array(1 / np.maximum(lengths, 1e-12)) @ weighed)
