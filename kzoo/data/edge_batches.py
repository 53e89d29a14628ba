"""The batches that edge detectors learn from, of labels that are computed once and kept as records."""

from __future__ import annotations

import hashlib

import numpy as np
import tensorflow as tf

from kzoo.data.edge_examples import EdgeExamples
from kzoo.data.edge_labels import SIDES, Labelling
from kzoo.data.pipeline import dataset_options, index_stream
from kzoo.data.record_examples import Records
from kzoo.files import cache_folder


def label_records(examples: EdgeExamples, labelling: Labelling) -> Records:
    """Return encoded pictures and labels of a split by number, computing them where that was not done before.

    They lie in the cache folder under a hash of pictures, labelling and the files that it reads.

    Raises:
        DataError: if a picture and its annotations differ in size, pictures do with no size given, or the
            forest or a soft map is not as it should be; the message names it.
    """
    import tensorflow_datasets as tfds

    from kzoo.data.builders.edge_labels import EdgeLabels, EdgeLabelsConfig
    from kzoo.data.tfds_source import prepare

    name = hashlib.sha256(repr((examples.key, labelling.fingerprint())).encode()).hexdigest()[:24]
    config = EdgeLabelsConfig(name=name, examples=examples, labelling=labelling)
    builder = EdgeLabels(config=config, data_dir=cache_folder("datasets"), file_format="array_record")
    prepare(builder)
    skip = tfds.decode.SkipDecoding()
    records: Records = builder.as_data_source("train", decoders={"image": skip, "labels": skip})
    return records


def edge_batches(
    examples: EdgeExamples,
    *,
    batch_size: int,
    seed: int,
    labelling: Labelling | None = None,
    first_step: int = 0,
) -> tf.data.Dataset:
    """Return an endless data set of batches, beginning with that of step `first_step`.

    Args:
        examples: what is drawn from.
        batch_size: over all replicas together.
        seed: of the order.
        labelling: how labels are made; the annotated edges on every side if left out.
        first_step: the step to begin with.

    Returns:
        ({"image": float32 (B, H, W, 3), 0 to 255}, {"sides": uint8 (B, 5, H, W), "edges": uint8 (B, H, W)}),
        labels as of `Labelling.apply`.

    Raises:
        DataError: as `label_records`.
    """
    records = label_records(examples, labelling or Labelling())
    size = tuple(tf.io.decode_png(records.__getitems__([0])[0]["image"]).shape[:2])

    def read(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = records.__getitems__([int(row) for row in rows])
        images, labels = (np.array([one[name] for one in found], object) for name in ("image", "labels"))
        return images, labels

    def decoded(encoded: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        image, labels = tf.io.decode_png(encoded[0], 3), tf.io.decode_png(encoded[1], 1)
        labels = tf.reshape(labels, (SIDES + 1, *size))
        return tf.ensure_shape(tf.cast(image, tf.float32), (*size, 3)), labels

    def batch(rows: tf.Tensor) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
        encoded = tf.numpy_function(read, [rows], (tf.string, tf.string))
        known = tuple(tf.ensure_shape(one, (batch_size,)) for one in encoded)
        image, labels = tf.map_fn(decoded, known, fn_output_signature=(tf.float32, tf.uint8))
        return {"image": image}, {"sides": labels[:, 1:], "edges": labels[:, 0]}

    stream = index_stream(len(examples), seed, first_step * batch_size).map(lambda _, row: row)
    stream = stream.batch(batch_size, drop_remainder=True)
    stream = stream.map(batch, num_parallel_calls=2, deterministic=True)
    return stream.prefetch(tf.data.AUTOTUNE).with_options(dataset_options(deterministic=True))
