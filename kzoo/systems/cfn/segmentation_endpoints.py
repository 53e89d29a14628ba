"""What an exported segmentation network answers."""

from __future__ import annotations

import keras
import tensorflow as tf

from kzoo.data.endpoints import ONE_IMAGE_BYTES, image_spec, logits_and_maps
from kzoo.data.images import decode_image, resize_image
from kzoo.errors import UsageError
from kzoo.system import Signature, System
from kzoo.systems.cfn.dense import STRIDE


def signatures(model: keras.Model, system: System, classes: tuple[str, ...]) -> dict[str, Signature]:
    """Return the endpoints of a segmentation network.

    - `serving_default`: image_bytes string (1,), PNG, JPEG, GIF or BMP, to labels int32 (1, H, W), the most
      probable class of each pixel in the image's own size, and class_names string (C,). Images of a batch may
      differ in size, so that a batch is one image.
    - `serving_tensor`: image float32 (N, H, W, 3), pixels 0 to 255, to the same for (N, H, W).
    - `embed`: image_bytes to embedding float32 (1, K): the last features averaged over the image and
      divided by their Euclidean length.

    A network of one size scales the image to it, and the scores back. One of any size refuses images smaller
    than its stride a side.

    Args:
        model: a network of this room; its output gives C.
        system: gives the layer of the feature "embedding".
        classes: C different names in the order of the labels.

    Raises:
        UsageError: if the names are not as many as the outputs of `model`, or not different.
    """
    outputs = model.output["logits"].shape[-1]
    if len(classes) != outputs or len(set(classes)) != len(classes):
        raise UsageError(
            f"{model.name} has {outputs} outputs and needs as many different class names; received "
            f"{len(classes)}, {len(set(classes))} of them different"
        )
    size = model.input_shape[1:3]
    any_size = None in size
    spec = image_spec(size)
    compute = logits_and_maps(model, "logits", system.features["embedding"])

    def fitted(image: tf.Tensor) -> tf.Tensor:
        image = _large_enough(image) if any_size else tf.ensure_shape(resize_image(image, size), (*size, 3))
        return tf.cast(image, tf.float32)[None]

    def answer(logits: tf.Tensor) -> dict[str, tf.Tensor]:
        return {
            "labels": tf.argmax(logits, axis=-1, output_type=tf.int32),
            "class_names": tf.constant(list(classes)),
        }

    def from_tensor(image: tf.Tensor) -> dict[str, tf.Tensor]:
        logits, _ = compute(image)
        return answer(logits)

    def from_bytes(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        image = decode_image(image_bytes[0])
        logits, _ = compute(fitted(image))
        return answer(logits if any_size else tf.image.resize(logits, tf.shape(image)[:2]))

    def embed(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        _, maps = compute(fitted(decode_image(image_bytes[0])))
        return {"embedding": tf.math.l2_normalize(tf.reduce_mean(maps, axis=(1, 2)), axis=-1)}

    return {
        "serving_default": Signature(from_bytes, (ONE_IMAGE_BYTES,)),
        "serving_tensor": Signature(from_tensor, (spec,)),
        "embed": Signature(embed, (ONE_IMAGE_BYTES,)),
    }


def _large_enough(image: tf.Tensor) -> tf.Tensor:
    height, width = tf.unstack(tf.shape(image)[:2])
    message = tf.strings.format(
        "the image is {} x {} pixels; expected " + f"{STRIDE}, the network's stride, or more a side",
        (height, width),
    )
    with tf.control_dependencies([tf.debugging.Assert(tf.minimum(height, width) >= STRIDE, [message])]):
        return tf.identity(image)
