"""Vectors of images by the `embed` endpoint of an exported model, or of a run that is not exported yet."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kzoo import registry
from kzoo.errors import DataError, ExportError, UsageError
from kzoo.files import sha256_of_file
from kzoo.serving.versions import SAVED_MODEL_FILE, find_versions
from kzoo.training.run_folder import Run

EMBED, IMAGE_BYTES, EMBEDDING = "embed", "image_bytes", "embedding"
BATCH = 32


@dataclass(frozen=True)
class Embedder:
    """A network that makes vectors of encoded images.

    Attributes:
        model, version: of the export; of a run, "run-" and the beginning of its weights' SHA-256.
        function: string tensor (N,) to float32 (N, D).
    """

    model: str
    version: str
    function: Callable[[tf.Tensor], tf.Tensor]

    @classmethod
    def open(cls, path: Path) -> Embedder:
        """Open an export's version folder, its folder of versions (the newest is taken), or a run folder.

        Raises:
            UsageError: if the path is none of them.
            ExportError: if the export cannot be loaded or has no `embed` endpoint.
            RunError: if the run has not ended or cannot be read.
        """
        if (path / "run.json").is_file():
            return _of_run(Run.open(path))
        if path.is_dir() and not (path / SAVED_MODEL_FILE).is_file():
            versions = find_versions(path)
            path = versions[max(versions)] if versions else path
        if not (path / SAVED_MODEL_FILE).is_file():
            raise UsageError(
                f"{path} is no exported model and no run; expected savedmodels/NAME, "
                "savedmodels/NAME/VERSION or a run folder"
            )
        return _of_export(path.resolve())

    def __call__(self, images: Sequence[bytes]) -> npt.NDArray[np.float32]:
        """Return float32 (N, D) for N encoded images.

        Raises:
            DataError: if an image cannot be decoded.
        """
        try:
            return np.asarray(self.function(tf.constant(list(images), tf.string)), np.float32)
        except tf.errors.InvalidArgumentError as error:
            raise DataError(f"{self.model} cannot embed the images: {error.message}") from error

    def in_batches(self, images: Sequence[bytes]) -> npt.NDArray[np.float32]:
        """Return float32 (N, D) for N encoded images, N >= 1, which are embedded a few at a time.

        Raises:
            DataError: if an image cannot be decoded.
        """
        parts = [self(images[first : first + BATCH]) for first in range(0, len(images), BATCH)]
        return np.concatenate(parts)


def _of_export(folder: Path) -> Embedder:
    try:
        loaded = tf.saved_model.load(str(folder))
    except (OSError, tf.errors.OpError) as error:
        raise ExportError(f"{folder} cannot be loaded: {error}") from error
    signature = loaded.signatures.get(EMBED)
    if signature is None:
        raise ExportError(
            f"{folder} has no endpoint {EMBED!r}; it has {', '.join(sorted(loaded.signatures))}"
        )

    def embed(image_bytes: tf.Tensor, _kept: Any = loaded) -> tf.Tensor:
        return signature(**{IMAGE_BYTES: image_bytes})[EMBEDDING]

    return Embedder(folder.parent.name, folder.name, embed)


def _of_run(run: Run) -> Embedder:
    description = run.description
    system = dataclasses.replace(
        registry.find(description.model), normalization=description.recipe.pipeline.normalization
    )
    signatures = system.signatures(run.model("best"), tuple(description.data.get("classes", ())))
    if EMBED not in signatures:
        raise UsageError(f"{system.name} has no endpoint {EMBED!r}; it has {sorted(signatures)}")
    signature = signatures[EMBED]
    function = tf.function(signature.function, input_signature=list(signature.inputs))
    version = f"run-{sha256_of_file(run.weights_path('best'))[:12]}"
    return Embedder(system.name, version, lambda image_bytes: function(image_bytes)[EMBEDDING])
