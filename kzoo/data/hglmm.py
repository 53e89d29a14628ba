"""HGLMM: Fisher vectors of a hybrid Gaussian-Laplacian mixture over word vectors (Klein et al. 2015).

Every centre has, in each dimension, either a Gaussian or a Laplacian, whichever gives the words that belong
to the centre the greater likelihood. A sentence is the gradient of its words' likelihood, reduced by PCA.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import logsumexp

from kzoo.errors import DataError
from kzoo.files import write_atomic

CENTRES, COMPONENTS = 30, 6000
ITERATIONS, TOLERANCE = 100, 1e-4
SMALLEST_SPREAD = 1e-3
CHUNK = 4096


@dataclass(frozen=True)
class Mixture:
    """The mixture; D is the dimension of the word vectors.

    Attributes:
        weights: float64 (K,), that sum to 1.
        places: float64 (K, D), mean or median.
        spreads: float64 (K, D), standard deviation or mean absolute deviation.
        gaussian: bool (K, D), False where a Laplacian fits better.
    """

    weights: np.ndarray
    places: np.ndarray
    spreads: np.ndarray
    gaussian: np.ndarray

    def log_likelihoods(self, words: np.ndarray) -> np.ndarray:
        """Return log(weight_k p_k(word)), float64 (N, K)."""
        found = np.empty((len(words), len(self.weights)))
        for centre in range(len(self.weights)):
            z = (words - self.places[centre]) / self.spreads[centre]
            terms = np.where(self.gaussian[centre], z**2 / 2, np.abs(z))
            scale = np.where(self.gaussian[centre], np.sqrt(2 * np.pi), 2.0) * self.spreads[centre]
            found[:, centre] = np.log(self.weights[centre]) - terms.sum(axis=1) - np.log(scale).sum()
        return found

    def posteriors(self, words: np.ndarray) -> np.ndarray:
        """Return the probability of each centre for each word, float64 (N, K)."""
        found = self.log_likelihoods(words)
        return np.exp(found - logsumexp(found, axis=1, keepdims=True))

    def fisher_vector(self, words: np.ndarray) -> np.ndarray:
        """Return the improved Fisher vector of a sentence's words, float64 (2 K D,), of length 1.

        The gradients by places, then by spreads, each divided by the root of its Fisher information, summed
        over the words, signed root taken, and scaled to length 1.
        """
        belongs = self.posteriors(words)
        z = (words[:, None] - self.places) / self.spreads
        by_place = np.where(self.gaussian, z, np.sign(z))
        by_spread = np.where(self.gaussian, (z**2 - 1) / np.sqrt(2), np.abs(z) - 1)
        both = [np.einsum("nk,nkd->kd", belongs, part) for part in (by_place, by_spread)]
        vector = np.concatenate([(part / np.sqrt(self.weights)[:, None]).ravel() for part in both])
        vector = np.sign(vector) * np.sqrt(np.abs(vector))
        return vector / max(float(np.linalg.norm(vector)), np.finfo(np.float64).tiny)


def fit_mixture(words: np.ndarray, centres: int = CENTRES, *, seed: int = 0) -> Mixture:
    """Fit the mixture by expectation-maximisation, begun with k-means.

    Args:
        words: float (N, D), N at least `centres`.

    Raises:
        DataError: if there are fewer different words than centres.
    """
    from sklearn.cluster import KMeans

    words = np.asarray(words, np.float64)
    different = len(np.unique(words, axis=0))
    if different < centres:
        raise DataError(f"received {different} different words; expected {centres} or more, one a centre")
    labels = KMeans(centres, n_init=1, random_state=seed).fit(words).labels_
    belongs = np.eye(centres)[labels]
    before = -np.inf
    for _ in range(ITERATIONS):
        mixture = _maximised(words, belongs)
        likelihoods = mixture.log_likelihoods(words)
        total = logsumexp(likelihoods, axis=1, keepdims=True)
        belongs = np.exp(likelihoods - total)
        if total.mean() - before < TOLERANCE:
            break
        before = float(total.mean())
    return mixture


def _maximised(words: np.ndarray, belongs: np.ndarray) -> Mixture:
    """Return the mixture that is likeliest where word n belongs to centre k by `belongs` (N, K)."""
    counts = np.maximum(belongs.sum(axis=0), 1e-8)
    means = (belongs.T @ words) / counts[:, None]
    medians = np.stack([_weighted_median(words, one) for one in belongs.T])
    deviations, distances = np.empty_like(means), np.empty_like(means)
    for centre, share in enumerate(belongs.T):
        deviations[centre] = np.sqrt(share @ (words - means[centre]) ** 2 / counts[centre])
        distances[centre] = share @ np.abs(words - medians[centre]) / counts[centre]
    deviations, distances = (np.maximum(one, SMALLEST_SPREAD) for one in (deviations, distances))
    # At its optimum each side's mean log-likelihood is minus the log of these, up to the same sum.
    gaussian = np.log(deviations) + (np.log(2 * np.pi) + 1) / 2 <= np.log(2 * distances) + 1
    return Mixture(
        weights=counts / counts.sum(),
        places=np.where(gaussian, means, medians),
        spreads=np.where(gaussian, deviations, distances),
        gaussian=gaussian,
    )


def _weighted_median(words: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return for each dimension the first value below and at which half the weight lies, (D,)."""
    order = np.argsort(words, axis=0, kind="stable")
    reached = np.cumsum(share[order], axis=0) >= share.sum() / 2
    return np.take_along_axis(words, np.take_along_axis(order, reached.argmax(axis=0)[None], 0), 0)[0]


@dataclass(frozen=True)
class Hglmm:
    """A fitted encoder: mixture, and the principal components of its Fisher vectors.

    Attributes:
        mean: float64 (2 K D,); components: float32 (C, 2 K D).
    """

    mixture: Mixture
    mean: np.ndarray
    components: np.ndarray

    def encode(self, sentences: Sequence[np.ndarray]) -> np.ndarray:
        """Return features float32 (N, C) of sentences, each the vectors of its words float (L, D)."""
        vectors = np.stack([self.mixture.fisher_vector(words) for words in sentences])
        return ((vectors - self.mean) @ self.components.T).astype(np.float32)

    def save(self, path: Path) -> None:
        """Write an .npz file, whole or not at all."""
        file = io.BytesIO()
        np.savez(file, mean=self.mean, components=self.components, **vars(self.mixture))
        write_atomic(path, file.getvalue())

    @classmethod
    def load(cls, path: Path) -> Hglmm:
        """Read what `save` wrote.

        Raises:
            DataError: if it is missing or broken.
        """
        try:
            with np.load(path, allow_pickle=False) as found:
                parts = {name: found[name] for name in ("weights", "places", "spreads", "gaussian")}
                return cls(Mixture(**parts), found["mean"], found["components"])
        except (OSError, ValueError, KeyError) as error:
            raise DataError(f"{path} is no fitted HGLMM: {error}; remove it to fit it again") from error


def fit_hglmm(
    sentences: Sequence[np.ndarray], *, centres: int = CENTRES, components: int = COMPONENTS, seed: int = 0
) -> Hglmm:
    """Fit mixture and principal components on training sentences, each float (L, D).

    Raises:
        DataError: if there are fewer sentences or dimensions than components, or fewer words than centres.
    """
    from sklearn.decomposition import IncrementalPCA

    full = 2 * centres * sentences[0].shape[1] if sentences else 0
    if min(len(sentences), full) < components:
        raise DataError(
            f"received {len(sentences)} training sentences and Fisher vectors of {full}; expected "
            f"{components} or more of both, one a principal component"
        )
    mixture = fit_mixture(np.concatenate(sentences), centres, seed=seed)
    pca = IncrementalPCA(components)
    for chunk in _chunks(sentences, max(CHUNK, components)):
        pca.partial_fit(np.stack([mixture.fisher_vector(words) for words in chunk]))
    return Hglmm(mixture, pca.mean_, pca.components_.astype(np.float32))


def _chunks(sentences: Sequence[np.ndarray], size: int) -> Iterator[Sequence[np.ndarray]]:
    """Yield runs of `size` sentences; what is left over is part of the last one."""
    count = max(1, len(sentences) // size)
    for number in range(count):
        yield sentences[number * size : (number + 1) * size if number < count - 1 else None]
