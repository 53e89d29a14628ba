"""Requests for the endpoints of an export: made of images, kept as TensorFlow Serving's warm-up records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import tensorflow as tf

from kzoo.data.images import decode_images
from kzoo.errors import ExportError
from kzoo.system import Signature

BATCH_SIZES = (1, 8)
ANY_SIZE = 64
TEXTS = ("grinning face", "A house with a garden.", "flag: Netherlands", "two red hearts, and a blue one")


@dataclass(frozen=True)
class Request:
    """What one endpoint is asked: its name and a tensor an input."""

    signature: str
    inputs: Mapping[str, tf.Tensor]


def make_requests(signatures: Mapping[str, Signature], examples: Sequence[bytes]) -> list[Request]:
    """Return a request to each signature for each of BATCH_SIZES that it takes; examples are taken in turn.

    Args:
        signatures: their inputs are encoded images (string (N,) called image... or ..._bytes), texts
            (string (N,)), images (float (N, H, W, 3) or (N, H, W, 1), 0 to 255) or features (float (N, K)).
        examples: encoded images; test patterns where there are none.

    Raises:
        ExportError: for a signature with another input, or an example that cannot be decoded.
    """
    images = list(examples) or pattern_images()
    return [
        Request(name, {spec.name: _input(name, spec, batch) for spec in one.inputs})
        for name, one in signatures.items()
        for batch in (list(islice(cycle(images), size)) for size in BATCH_SIZES)
        if all(spec.shape[0] in (None, len(batch)) for spec in one.inputs)
    ]


def pattern_images() -> list[bytes]:
    """Return eight PNG and JPEG images of several sizes: colour ramps under a checkerboard."""
    return list(_draw_patterns(sizes=((32, 32), (64, 48), (224, 224), (97, 131))))


def write_requests(path: Path, model_name: str, requests: Sequence[Request]) -> None:
    """Write the requests as a TFRecord file of PredictionLog messages.

    Raises:
        ExportError: if tensorflow-serving-api is not installed.
    """
    try:
        from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog
    except ImportError as error:
        raise ExportError(
            "warm-up requests need tensorflow-serving-api: pip install 'kzoo[serving]'"
        ) from error
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for request in requests:
            log = PredictionLog()
            message = log.predict_log.request
            message.model_spec.name = model_name
            message.model_spec.signature_name = request.signature
            for name, value in request.inputs.items():
                message.inputs[name].CopyFrom(tf.make_tensor_proto(value))
            writer.write(log.SerializeToString())


def _input(signature: str, spec: tf.TensorSpec, images: list[bytes]) -> tf.Tensor:
    encoded = tf.constant(images, tf.string)
    is_image = spec.name.startswith("image") or spec.name.endswith("_bytes")
    try:
        if spec.dtype == tf.string and spec.shape.rank == 1 and is_image:
            decode_images(encoded, (1, 1))
            return encoded
        if spec.dtype.is_floating and spec.shape.rank == 4 and spec.shape[-1] in (1, 3):
            height, width = (size or ANY_SIZE for size in spec.shape[1:3])
            pixels = tf.cast(decode_images(encoded, (height, width)), spec.dtype)
            return pixels if spec.shape[-1] == 3 else tf.reduce_mean(pixels, axis=-1, keepdims=True)
    except tf.errors.InvalidArgumentError as error:
        raise ExportError(f"the example images cannot be used: {error.message}") from error
    if spec.dtype == tf.string and spec.shape.rank == 1:
        return tf.constant(list(islice(cycle(TEXTS), len(images))), tf.string)
    if spec.dtype.is_floating and spec.shape.rank == 2:
        return tf.cast(_waves(len(images), spec.shape[1]), spec.dtype)
    raise ExportError(
        f"signature {signature!r}: no example can be made for its input {spec}; expected string (N,) of "
        "encoded images or texts, float (N, H, W, 3), float (N, H, W, 1) or float (N, K)"
    )


def _waves(rows: int, columns: int) -> np.ndarray:
    """Return features of about unit size, each row another, the same everywhere."""
    row, column = np.mgrid[0:rows, 0:columns]
    return np.sin((1 + row) * (1 + column) * 0.7)


def _draw_patterns(sizes: Sequence[tuple[int, int]]) -> Iterator[bytes]:
    for height, width in sizes:
        row, column = np.mgrid[0:height, 0:width]
        checks = (row // 4 + column // 4) % 2
        ramps = [row / max(height - 1, 1), column / max(width - 1, 1), checks]
        image = np.stack([255 * ramp for ramp in ramps], axis=-1).astype(np.uint8)
        yield tf.io.encode_png(image).numpy()
        yield tf.io.encode_jpeg(255 - image, quality=90).numpy()
