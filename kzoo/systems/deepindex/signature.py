"""The global image signature (GIS, thesis section 4.3.3): one more look at images that share words.

The thesis prints c = exp(alpha * d), which would reward distance; its text ("filter out false matches") says
what is meant, and so the sign here is negative.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from kzoo.errors import UsageError
from kzoo.systems.deepindex.vectors import Floats

SignatureType = Literal["float32", "float16", "int8"]
_INT8_LARGEST = 127


def root_feature(vectors: npt.ArrayLike) -> Floats:
    """Return sign(x) * sqrt(|x| / sum |x|), float32 (..., D): of L2 length 1.

    Activations after a ReLU have no signs; after PCA they do, and keep them.

    Raises:
        UsageError: if a vector is zero, or holds NaN or infinity.
    """
    array = np.asarray(vectors, np.float32)
    sums = np.abs(array).sum(axis=-1, keepdims=True)
    if not np.all(np.isfinite(sums) & (sums > 0)):
        raise UsageError("a root feature needs finite vectors that are not zero; received another")
    return np.sign(array) * np.sqrt(np.abs(array) / sums)


class Signatures:
    """The root features of the images of an index, one vector an image, in a number format of choice."""

    def __init__(self, vectors: npt.ArrayLike, kept_as: SignatureType = "float32") -> None:
        """Keep the root features of `vectors`, float (N, D), one an image."""
        roots = root_feature(vectors)
        if roots.ndim != 2:
            raise UsageError(f"expected one vector an image, (N, D); received {roots.shape}")
        self._scales: Floats | None = None
        if kept_as == "int8":
            self._scales = (np.abs(roots).max(axis=1) / _INT8_LARGEST).astype(np.float32)
            roots = np.rint(roots / self._scales[:, None])
        self._kept = np.ascontiguousarray(roots, dtype=kept_as)

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return self._kept.nbytes + (0 if self._scales is None else self._scales.nbytes)

    def distances(self, queries: npt.ArrayLike) -> Floats:
        """Return d = 2 - 2 S of queries, float (Q, D), to the images, float32 (Q, N).

        S is the Hellinger kernel; d is 0 between equal images; 2 between images that share nothing.
        """
        similarities = root_feature(queries) @ self._kept.T.astype(np.float32)
        if self._scales is not None:
            similarities *= self._scales
        return 2 - 2 * similarities
