"""Visual words: centres of k-means over the features of patches (thesis section 4.2.2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kzoo.errors import UsageError
from kzoo.systems.deepindex.vectors import Floats

Words = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Codebook:
    """The words of one feature.

    Attributes:
        centres: float32 (K, D).
    """

    centres: Floats

    def __len__(self) -> int:
        return len(self.centres)

    @classmethod
    def train(cls, vectors: Floats, words: int, *, seed: int = 0) -> Codebook:
        """Find `words` centres of float32 (N, D) by mini-batch k-means; equal vectors count once.

        Raises:
            UsageError: if there are fewer different vectors than words.
        """
        different = np.unique(vectors, axis=0)
        if not 1 <= words <= len(different):
            raise UsageError(
                f"{words} words asked for; expected 1 to {len(different)}, the number of different vectors"
            )
        from sklearn.cluster import MiniBatchKMeans

        batch = max(4096, 2 * words)
        fitted = MiniBatchKMeans(words, batch_size=batch, n_init=1, random_state=seed, reassignment_ratio=0)
        return cls(fitted.fit(different).cluster_centers_.astype(np.float32))

    def nearest(self, vectors: Floats, count: int = 1) -> Words:
        """Return the `count` nearest words of float32 (..., D) by Euclidean distance, int64 (..., count).

        The nearest comes first; of words equally near, the lower number.

        Raises:
            UsageError: if the codebook has fewer words, or the vectors another dimension.
        """
        if not 1 <= count <= len(self):
            raise UsageError(f"{count} words a patch asked for; expected 1 to {len(self)}")
        if vectors.shape[-1] != self.centres.shape[1]:
            raise UsageError(
                f"received vectors of {vectors.shape[-1]} dimensions; the words have {self.centres.shape[1]}"
            )
        flat = vectors.reshape(-1, vectors.shape[-1])
        distances = np.square(self.centres).sum(axis=1) - 2 * flat @ self.centres.T
        if count == 1:
            words = distances.argmin(axis=1)[:, None]
        else:
            candidates = np.sort(np.argpartition(distances, count - 1, axis=1)[:, :count], axis=1)
            order = np.argsort(np.take_along_axis(distances, candidates, axis=1), axis=1, kind="stable")
            words = np.take_along_axis(candidates, order, axis=1)
        return words.reshape(*vectors.shape[:-1], count).astype(np.int64)
