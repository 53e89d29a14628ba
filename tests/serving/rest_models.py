"""SavedModels for REST and the page: TensorFlow Serving's half_plus_two, and one of each kind of answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

from kzoo.files import folder_written_aside

TEXTS = ("a red house", "a green tree", "a blue lake")
SEGMENTS = ("dark", "middle", "bright")
BYTES = tf.TensorSpec([None], tf.string)


def write_half_plus(folder: Path, addend: float) -> Path:
    """Write half_plus_two, or three, with the signatures that TensorFlow's own has."""
    v1 = tf.compat.v1
    with folder_written_aside(folder) as aside, tf.Graph().as_default(), v1.Session() as session:
        aside.rmdir()
        half, added = v1.Variable(0.5, name="a"), v1.Variable(addend, name="b")
        examples = v1.placeholder(tf.string, [None], "tf_example")
        features = v1.io.parse_example(examples, {"x": tf.io.FixedLenFeature([1], tf.float32)})
        x = tf.identity(features["x"], "x")
        y = half * x + added
        plain = v1.placeholder(tf.float32, [None], "plain_x")
        session.run(v1.global_variables_initializer())
        define = v1.saved_model
        signatures = {
            "serving_default": define.predict_signature_def({"x": plain}, {"y": half * plain + added}),
            "tensorflow/serving/regress": define.regression_signature_def(examples, y),
            "classify_x_to_y": define.classification_signature_def(
                examples, tf.tile(tf.constant([["half"]]), [tf.shape(y)[0], 1]), y
            ),
        }
        builder = define.Builder(str(aside))
        builder.add_meta_graph_and_variables(session, ["serve"], signatures)
        builder.save()
    return folder


class Pictures(tf.Module):
    """Answers of every kind that the page draws, computed from what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.texts = tf.constant(TEXTS)
        self.segments = tf.constant(SEGMENTS)

    def decode(self, image_bytes: tf.Tensor) -> tf.Tensor:
        image = tf.io.decode_image(image_bytes[0], channels=3, expand_animations=False)
        return tf.ensure_shape(image, [None, None, 3])

    @tf.function(input_signature=[BYTES])
    def edges(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        image = tf.image.rgb_to_grayscale(tf.cast(self.decode(image_bytes), tf.float32))[None]
        edges = tf.reduce_sum(tf.abs(tf.image.sobel_edges(image)), axis=-1)
        return {"edges": tf.minimum(edges / 400.0, 1.0)}

    @tf.function(input_signature=[BYTES])
    def segment(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        gray = tf.image.rgb_to_grayscale(self.decode(image_bytes))[None, :, :, 0]
        labels = tf.cast(tf.cast(gray, tf.int32) * 3 // 256, tf.int32)
        return {"labels": labels, "class_names": tf.identity(self.segments)}

    @tf.function(input_signature=[BYTES])
    def translate(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"translated_bytes": tf.io.encode_png(255 - self.decode(image_bytes))[None]}

    @tf.function(input_signature=[BYTES, BYTES])
    def swap(self, condition_bytes: tf.Tensor, reference_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        condition, reference = self.decode(condition_bytes), self.decode(reference_bytes)
        reference = tf.image.resize(reference, tf.shape(condition)[:2])
        half = tf.shape(condition)[1] // 2
        swapped = tf.concat([tf.cast(condition, tf.float32)[:, :half], reference[:, half:]], axis=1)
        return {"swapped": (swapped / 127.5 - 1.0)[None]}

    @tf.function(input_signature=[BYTES])
    def search(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        words = tf.strings.split(self.texts).to_tensor("")
        asked = tf.strings.split(text).to_tensor("?")
        shared = tf.reduce_sum(
            tf.cast(words[None, :, :, None] == asked[:, None, None, :], tf.float32), [2, 3]
        )
        scores, order = tf.math.top_k(shared, k=3)
        pixel = tf.io.encode_png(tf.fill([8, 8, 3], tf.constant(200, tf.uint8)))
        return {
            "neighbours": tf.gather(self.texts, order),
            "scores": scores,
            "thumbnails_bytes": tf.fill(tf.shape(order), pixel),
        }

    @tf.function(input_signature=[BYTES])
    def embed(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        pixels = tf.image.resize(self.decode(image_bytes), [8, 8])
        return {"embedding": tf.math.l2_normalize(tf.reshape(pixels, [1, 192]), axis=-1)}

    @tf.function(input_signature=[tf.TensorSpec([None, 4, 6, 3], tf.float32)])
    def mean(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"mean": tf.reduce_mean(image, [1, 2])}

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32), tf.TensorSpec([], tf.int32)])
    def scale(self, x: tf.Tensor, by: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"scaled": x * tf.cast(by, tf.float32), "log": tf.math.log(x)}


def write_pictures(folder: Path) -> Path:
    """Write the model as an export does."""
    model = Pictures()
    names = ("segment", "translate", "swap", "search", "embed", "mean", "scale")
    with folder_written_aside(folder) as aside:
        signatures = {name: getattr(model, name) for name in names}
        tf.saved_model.save(model, str(aside), signatures={"serving_default": model.edges, **signatures})
    return folder


def photograph(seed: int, height: int = 48, width: int = 64) -> np.ndarray:
    """Return a picture with areas and edges, uint8 (H, W, 3): a disc on a slope of colours."""
    rows, columns = np.mgrid[0:height, 0:width]
    slope = np.stack([rows * 255 / height, columns * 255 / width, np.full_like(rows, 60 * seed)], axis=-1)
    disc = (rows - height / 2) ** 2 + (columns - width / 2) ** 2 < (height / 3) ** 2
    return np.where(disc[..., None], [250, 240, 200], slope).astype(np.uint8)
