"""Vectors of length 1, and their compression by principal components (thesis section 4.4.2, table 4.2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kzoo.errors import UsageError

Floats = npt.NDArray[np.float32]


def unit_length(vectors: npt.ArrayLike) -> Floats:
    """Return float32 (..., D), each vector of L2 length 1.

    Raises:
        UsageError: if one is zero, or holds NaN or infinity.
    """
    array = np.asarray(vectors, np.float32)
    lengths = np.linalg.norm(array, axis=-1, keepdims=True)
    wrong = ~(np.isfinite(lengths) & (lengths > 0))
    if wrong.any():
        raise UsageError(
            f"expected finite vectors that are not zero; {int(wrong.sum())} of {wrong.size} are zero, NaN or "
            f"infinite, the first at {np.argwhere(wrong)[0, :-1].tolist()}"
        )
    return array / lengths


@dataclass(frozen=True)
class PrincipalComponents:
    """A projection onto principal components, without whitening.

    Attributes:
        mean: float32 (D,).
        components: float32 (K, D), orthonormal rows.
    """

    mean: Floats
    components: Floats

    @classmethod
    def fit(cls, vectors: Floats, dimension: int, *, seed: int = 0) -> PrincipalComponents:
        """Fit on float (N, D), after bringing each to length 1.

        Raises:
            UsageError: if there are fewer vectors, or fewer dimensions, than `dimension`.
        """
        if vectors.ndim != 2 or not 1 <= dimension <= min(vectors.shape):
            raise UsageError(
                f"expected (N, D), both at least the {dimension} components; received {vectors.shape}"
            )
        from sklearn.decomposition import PCA

        fitted = PCA(dimension, whiten=False, random_state=seed).fit(unit_length(vectors))
        return cls(fitted.mean_.astype(np.float32), fitted.components_.astype(np.float32))

    def __call__(self, vectors: npt.ArrayLike) -> Floats:
        """Return float32 (..., K) of length 1, of vectors (..., D) brought to length 1 first."""
        return unit_length((unit_length(vectors) - self.mean) @ self.components.T)
