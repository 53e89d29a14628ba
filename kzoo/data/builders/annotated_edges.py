"""What the builders of photographs with annotated edges have in common: their features."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow_datasets as tfds


def edge_features(encoding_format: str = "jpeg") -> tfds.features.FeaturesDict:
    """Return image, boundaries and name.

    Boundaries are one picture of 0 and 1 with the maps of the annotators below each other, so that it is as
    many times as high as the image as there are annotators.

    Args:
        encoding_format: of the photographs, "jpeg" where the files are, so that they are kept as they are.
    """
    return tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=(None, None, 3), encoding_format=encoding_format),
            "boundaries": tfds.features.Image(shape=(None, None, 1), encoding_format="png"),
            "name": tfds.features.Text(),
        }
    )


def edge_example(image: Any, boundaries: np.ndarray, name: str) -> dict[str, Any]:
    """Return an example of these features.

    Args:
        image: path of a file, or uint8 (H, W, 3).
        boundaries: bool (annotators, H, W).
        name: of the image.
    """
    below_each_other = boundaries.reshape(-1, boundaries.shape[-1], 1).astype(np.uint8)
    return {"image": image, "boundaries": below_each_other, "name": name}
