"""Pictures with their edges: examples in memory, and the batches that edge detectors learn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from kzoo.data.layers import LayerArrays
from kzoo.data.pipeline import dataset_options, index_stream
from kzoo.data.progress import progress_bar
from kzoo.data.relaxed_labels import dilated, relaxed_by_canny
from kzoo.errors import DataError

HALF = 128
SIDES = 5


@dataclass(frozen=True)
class EdgeExamples:
    """A split in memory.

    Attributes:
        images: uint8 (N, H, W, 3).
        edges: bool (N, H, W).
        ids: str (N,).
    """

    images: np.ndarray
    edges: np.ndarray
    ids: np.ndarray

    @classmethod
    def of(cls, arrays: LayerArrays) -> EdgeExamples:
        """Take pictures and the lines of their outlines, where they are half opaque or more.

        Raises:
            DataError: if there is none, or outlines and pictures differ in size.
        """
        if not len(arrays) or arrays.outline.shape != arrays.color.shape[:3]:
            raise DataError(
                f"expected one picture or more with an outline of its size; received pictures "
                f"{arrays.color.shape} and outlines {arrays.outline.shape}"
            )
        return cls(arrays.color, arrays.outline >= HALF, arrays.ids)

    def __len__(self) -> int:
        return len(self.images)


def side_labels(examples: EdgeExamples, relax: str | None) -> np.ndarray:
    """Return what each side output learns, uint8 (N, 5, H, W): 1 edge, 0 none, 2 ignored; edges dilated.

    Args:
        examples: of a training split.
        relax: None for the annotated edges on every side, "canny" for Canny's at five scales beside them.
    """
    truths = np.stack([dilated(one) for one in examples.edges])
    if relax is None:
        return np.repeat(truths[:, None].astype(np.uint8), SIDES, axis=1)
    pairs = zip(examples.images, truths, strict=True)
    found = progress_bar(pairs, "Canny's edges at five scales", total=len(examples))
    return np.stack([relaxed_by_canny(image, truth) for image, truth in found])


def edge_batches(
    examples: EdgeExamples, *, batch_size: int, seed: int, relax: str | None = None, first_step: int = 0
) -> tf.data.Dataset:
    """Return an endless data set of batches, beginning with that of step `first_step`.

    Args:
        examples: what is drawn from.
        batch_size: over all replicas together.
        seed: of the order.
        relax: as `side_labels`.
        first_step: the step to begin with.

    Returns:
        ({"image": float32 (B, H, W, 3), 0 to 255}, {"sides": uint8 (B, 5, H, W), "edges": uint8 (B, H, W)}),
        labels as of `side_labels`; "edges" are the annotated ones, dilated.
    """
    labels = side_labels(examples, relax)
    images, sides = tf.constant(examples.images), tf.constant(labels)
    edges = tf.constant(np.stack([dilated(one) for one in examples.edges]).astype(np.uint8))

    def batch(rows: tf.Tensor) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
        image = tf.cast(tf.gather(images, rows), tf.float32)
        return {"image": image}, {"sides": tf.gather(sides, rows), "edges": tf.gather(edges, rows)}

    stream = index_stream(len(examples), seed, first_step * batch_size).map(lambda _, row: row)
    stream = stream.batch(batch_size, drop_remainder=True)
    stream = stream.map(batch, num_parallel_calls=2, deterministic=True)
    return stream.prefetch(tf.data.AUTOTUNE).with_options(dataset_options(deterministic=True))
