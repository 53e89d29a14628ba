"""Calls of what the zoo's models do: classify, segment, draw edges, embed, search, translate, swap.

Arguments of all of them: `model` is a name, an image a path, encoded bytes or uint8 (H, W, C), `version` the
newest by default. All raise DataError if a file cannot be read, UsageError for what is no image, and
CallError as `kzoo.serving.calls.predict`; InvalidArgumentError if an image cannot be decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
from numpy.typing import ArrayLike

from kzoo.serving.calls import Call, predict
from kzoo.serving.errors import InternalError
from kzoo.serving.images import Image, encode_images
from kzoo.serving.results import (
    Classification,
    EdgeMap,
    Neighbours,
    NewImage,
    Segmentation,
    decode,
    image_at,
    read_metadata,
)

IMAGE_INPUT = "image_bytes"


def classify(
    model: str,
    images: Iterable[Image],
    *,
    version: int | None = None,
    timeout_seconds: float | None = None,
) -> Call[list[Classification]]:
    """Ask a classifier for the classes of images, in one call."""
    encoded = encode_images(images)

    def read(answer: dict[str, np.ndarray]) -> list[Classification]:
        rows = zip(answer["classes"], answer["scores"], answer["probabilities"], encoded, strict=True)
        return [
            Classification(
                best=tuple(
                    (name.decode("utf-8"), float(score)) for name, score in zip(names, scores, strict=True)
                ),
                probabilities=probabilities,
                image=image,
            )
            for names, scores, probabilities, image in rows
        ]

    return predict(
        model,
        {IMAGE_INPUT: encoded},
        version=version,
        outputs=("probabilities", "classes", "scores"),
        timeout_seconds=timeout_seconds,
    ).then(read)


def embed(
    model: str,
    images: Iterable[Image],
    *,
    signature: str = "embed",
    version: int | None = None,
    timeout_seconds: float | None = None,
) -> Call[np.ndarray]:
    """Return the embeddings of images, float32 (N, D); `embed_image` is the signature of matching models."""
    return predict(
        model,
        {IMAGE_INPUT: encode_images(images)},
        signature=signature,
        version=version,
        outputs=("embedding",),
        timeout_seconds=timeout_seconds,
    ).then(lambda answer: answer["embedding"])


def embed_text(
    model: str,
    texts: Iterable[str],
    *,
    version: int | None = None,
    timeout_seconds: float | None = None,
) -> Call[np.ndarray]:
    """Return the embeddings of texts, float32 (N, D)."""
    return predict(
        model,
        {"text": np.array([text.encode("utf-8") for text in texts], object)},
        signature="embed_text",
        version=version,
        outputs=("embedding",),
        timeout_seconds=timeout_seconds,
    ).then(lambda answer: answer["embedding"])


def segment(
    model: str, image: Image, *, version: int | None = None, timeout_seconds: float | None = None
) -> Call[Segmentation]:
    """Return the class of each pixel of an image."""
    encoded = encode_images([image])

    def read(answer: dict[str, np.ndarray]) -> Segmentation:
        names = tuple(name.decode("utf-8") for name in answer["class_names"].ravel())
        return Segmentation(answer["labels"][0], names, encoded[0])

    return predict(
        model,
        {IMAGE_INPUT: encoded},
        version=version,
        outputs=("labels", "class_names"),
        timeout_seconds=timeout_seconds,
    ).then(read)


def edges(
    model: str, image: Image, *, version: int | None = None, timeout_seconds: float | None = None
) -> Call[EdgeMap]:
    """Return the probability of an edge at each pixel of an image."""
    return predict(
        model,
        {IMAGE_INPUT: encode_images([image])},
        version=version,
        outputs=("edges",),
        timeout_seconds=timeout_seconds,
    ).then(lambda answer: EdgeMap(answer["edges"][0, ..., 0]))


def translate(
    model: str,
    image: Image,
    *,
    direction: str = "a_to_b",
    version: int | None = None,
    timeout_seconds: float | None = None,
) -> Call[NewImage]:
    """Return an image translated by the signature `direction`, "a_to_b" or "b_to_a"."""
    encoded = encode_images([image])
    return predict(
        model,
        {IMAGE_INPUT: encoded},
        signature=direction,
        version=version,
        outputs=("image",),
        timeout_seconds=timeout_seconds,
    ).then(lambda answer: NewImage(_pixels(answer["image"]), tuple(encoded)))


def swap(
    model: str,
    images: Mapping[str, Image],
    *,
    others: Mapping[str, ArrayLike] | None = None,
    version: int | None = None,
    timeout_seconds: float | None = None,
) -> Call[NewImage]:
    """Return a person in the clothes of another.

    Args:
        images: by the signature's input: those of the two persons, and what else is an image.
        others: further inputs, as poses, by name.
    """
    encoded = encode_images(images.values())
    rows = {name: encoded[place : place + 1] for place, name in enumerate(images)}
    return predict(
        model,
        {**rows, **(others or {})},
        version=version,
        outputs=("image",),
        timeout_seconds=timeout_seconds,
    ).then(lambda answer: NewImage(_pixels(answer["image"]), tuple(encoded)))


def search(
    model: str,
    image: Image,
    *,
    k: int = 10,
    open_image: Callable[[object], bytes] = image_at,
    version: int | None = None,
    timeout_seconds: float | None = None,
) -> Call[Neighbours]:
    """Return what the model's gallery has nearest to an image.

    Args:
        k: how many.
        open_image: from a neighbour's metadata to its encoded image, for the picture.
    """
    encoded = encode_images([image])

    def read(answer: dict[str, np.ndarray]) -> Neighbours:
        ids = tuple(one.decode("utf-8") if isinstance(one, bytes) else int(one) for one in answer["ids"][0])
        described = tuple(read_metadata(value) for value in answer["metadata"][0])
        return Neighbours(ids, answer["scores"][0], described, encoded[0], open_image)

    return predict(
        model,
        {IMAGE_INPUT: encoded, "k": np.array(k, np.int32)},
        signature="search",
        version=version,
        outputs=("ids", "scores", "metadata"),
        timeout_seconds=timeout_seconds,
    ).then(read)


def _pixels(answer: np.ndarray) -> np.ndarray:
    """Return uint8 (H, W, 3) of (1, H, W, 3), or of the encoded bytes of one image."""
    if answer.dtype == object and answer.size == 1:
        return np.asarray(decode(answer.ravel()[0]))
    if answer.dtype != np.uint8 or answer.ndim != 4 or len(answer) != 1:
        raise InternalError(
            f"expected uint8 (1, H, W, 3) or encoded bytes; the model gave {answer.dtype} {answer.shape}"
        )
    return answer[0]
