"""What a load test sends: requests made once, serialized, and sent again and again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from kzoo.errors import DataError, UnknownNameError, UsageError
from kzoo.serving.calls import ModelMetadata, predict
from kzoo.serving.images import encode_images
from kzoo.serving.tensors import TensorSpec

UNKNOWN_SIZE = 64  # pixels of a side that the signature leaves open
NOISE_IMAGES = 8
_TEXT = b"a picture of a cat"


@dataclass(frozen=True)
class Target:
    """What is asked of a server: a model, one of its signatures, and a version, None for the newest."""

    model: str
    signature: str = "serving_default"
    version: int | None = None


def requests_of_metadata(
    target: Target, metadata: ModelMetadata, images: Sequence[Path] = (), *, batch: int = 1
) -> list[bytes]:
    """Return requests that fit a signature, one an image; eight of noise if there are no images.

    String inputs called image... get the images; other strings a short text; numbers are noise, 0 to 1 for
    floating point and 0 for integers. Sizes that the signature leaves open are `batch` at the front and 64
    behind it.

    Raises:
        UnknownNameError: if the model has no such signature.
        UsageError: for a batch below 1, or an input of a dtype that cannot be made up.
        DataError: if an image cannot be read.
    """
    if batch < 1:
        raise UsageError(f"batch must be 1 or more; received {batch}")
    if target.signature not in metadata.signatures:
        raise UnknownNameError("signature", target.signature, metadata.signatures)
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (NOISE_IMAGES, UNKNOWN_SIZE, UNKNOWN_SIZE, 3), np.uint8)
    pictures = encode_images(images or list(noise))
    inputs = metadata.signatures[target.signature].inputs
    return [
        _serialized(target, {name: _value(name, spec, one, batch, random) for name, spec in inputs.items()})
        for one in pictures
    ]


def requests_of_records(target: Target, path: Path) -> list[bytes]:
    """Return the Predict requests of a warm-up file, addressed to `target`; each keeps its signature.

    Raises:
        DataError: if the file cannot be read, or holds none.
    """
    import tensorflow as tf

    found = []
    try:
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            log = prediction_log_pb2.PredictionLog.FromString(record)
            if log.HasField("predict_log"):
                found.append(_readdressed(log.predict_log.request, target))
    except (tf.errors.OpError, ValueError, TypeError) as error:
        raise DataError(f"{path} is no file of warm-up records: {error}") from error
    if not found:
        raise DataError(f"{path} holds no Predict request")
    return found


def _readdressed(request: predict_pb2.PredictRequest, target: Target) -> bytes:
    signature = request.model_spec.signature_name or target.signature
    addressed = predict(target.model, {}, signature=signature, version=target.version).request
    request.model_spec.CopyFrom(addressed.model_spec)
    return bytes(request.SerializeToString())


def _serialized(target: Target, inputs: dict[str, np.ndarray]) -> bytes:
    call = predict(target.model, inputs, signature=target.signature, version=target.version)
    return bytes(call.request.SerializeToString())


def _value(name: str, spec: TensorSpec, image: bytes, batch: int, random: np.random.Generator) -> np.ndarray:
    sizes = [
        size if size is not None else (UNKNOWN_SIZE if place else batch)
        for place, size in enumerate(spec.shape or ())
    ]
    if spec.dtype == "string":
        value = np.empty(sizes, object)
        value[...] = image if name.startswith("image") else _TEXT
        return value
    try:
        dtype = np.dtype(spec.dtype)
    except TypeError as error:
        raise UsageError(f"the input {name!r} is {spec}; give requests as a warm-up file") from error
    return random.random(sizes).astype(dtype) if dtype.kind == "f" else np.zeros(sizes, dtype)
