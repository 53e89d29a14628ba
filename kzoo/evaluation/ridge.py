"""Ridge regression from image features to text features: the bar that a matching network has to clear."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kzoo.errors import DataError, UsageError

PENALTIES = (10.0, 30.0, 100.0, 300.0, 1000.0)

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Ridge:
    """A fitted regression.

    Attributes:
        penalty: of the squared weights, against the sum of squared errors over the captions.
        image_mean, text_mean: of the training data, float64 (K,) and (L,); both sides are centred.
        weights: float64 (K, L).
    """

    penalty: float
    image_mean: np.ndarray
    text_mean: np.ndarray
    weights: np.ndarray

    def similarity(self, arrays: Arrays) -> np.ndarray:
        """Return the cosine of each image's predicted text and each text, float32 (N, M), both centred."""
        predicted = (arrays["image"] - self.image_mean) @ self.weights
        return (_unit(predicted) @ _unit(arrays["text"] - self.text_mean).T).astype(np.float32)


def ridge(train: Arrays, penalty: float) -> Ridge:
    """Fit the regression on every caption with its image.

    Args:
        train: as `PairSource.arrays` gives them.
        penalty: above 0.

    Raises:
        UsageError: if the penalty is not above 0.
        DataError: if there is no caption, or features are not finite.
    """
    if not penalty > 0:
        raise UsageError(f"penalty is {penalty}; expected a number above 0")
    image, text = train["image"].astype(np.float64), train["text"].astype(np.float64)
    if not len(text) or not (np.isfinite(image).all() and np.isfinite(text).all()):
        raise DataError(f"received {len(text)} captions; expected one or more, with finite features")
    counts = np.bincount(train["image_index"], minlength=len(image)).astype(np.float64)
    image_mean, text_mean = counts @ image / counts.sum(), text.mean(axis=0)
    centred = image - image_mean
    summed = np.zeros((len(image), text.shape[1]))
    np.add.at(summed, train["image_index"], text - text_mean)
    covariance = centred.T @ (centred * counts[:, None])
    covariance[np.diag_indices_from(covariance)] += penalty
    return Ridge(penalty, image_mean, text_mean, np.linalg.solve(covariance, centred.T @ summed))


def chosen_ridge(
    train: Arrays,
    validation: Arrays,
    measure: Callable[[np.ndarray, np.ndarray], float],
    penalties: Sequence[float] = PENALTIES,
) -> Ridge:
    """Fit with each penalty and return what measures best on validation data, the first of equals.

    Args:
        train, validation: as `PairSource.arrays` gives them.
        measure: of similarity float32 (N, M) and image_index int64 (M,); more is better.
        penalties: one or more.

    Raises:
        UsageError, DataError: as `ridge`.
    """
    if not penalties:
        raise UsageError("received no penalties; expected one or more")
    fitted = [ridge(train, penalty) for penalty in penalties]
    return max(fitted, key=lambda one: measure(one.similarity(validation), validation["image_index"]))


def one_caption_each(arrays: Arrays) -> dict[str, np.ndarray]:
    """Keep the first caption of each image only, in the order of the images.

    Raises:
        DataError: if an image has none.
    """
    images = np.arange(len(arrays["image"]))
    found, first = np.unique(arrays["image_index"], return_index=True)
    if not np.array_equal(found, images):
        without = np.setdiff1d(images, found)
        raise DataError(
            f"images {arrays['image_id'][without][:5].tolist()} have no caption; expected one each"
        )
    return {
        **arrays,
        "text": arrays["text"][first],
        "image_index": images,
        "caption": arrays["caption"][first],
    }


def _unit(vectors: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(norms, np.finfo(np.float64).tiny)
