"""Pictures of what a generative model makes, after each epoch: as PNG files and in TensorBoard."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kzoo.files import write_atomic
from kzoo.training.adversarial import kept_weights
from kzoo.training.models import plain_copy

GAP = 2


class SampleGrids(keras.callbacks.Callback):
    """Writes epoch-NNN.png, a row an example: the inputs, then every output of the model that is a picture.

    Args:
        inputs: of the model by name, pictures float32 (N, H, W, 3) in [-1, 1] and what else it takes.
        shown: the inputs that are pictures to show, in order.
        folder: of the files.
        tensorboard: of the summaries.
    """

    def __init__(
        self, inputs: Mapping[str, np.ndarray], shown: Sequence[str], folder: Path, tensorboard: Path
    ) -> None:
        super().__init__()
        self.inputs, self.shown = dict(inputs), tuple(shown)
        self.folder, self.tensorboard = folder, tensorboard
        self.drawn_by: keras.Model | None = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Draw with a copy of the model that knows no strategy."""
        if self.drawn_by is None:
            self.drawn_by = plain_copy(self.model)
        self.drawn_by.set_weights(kept_weights(self.model))
        outputs = self.drawn_by.predict(self.inputs, batch_size=1, verbose=0)
        pictures = [value for value in outputs.values() if value.ndim == 4 and value.shape[-1] == 3]
        grid = picture_grid([*(self.inputs[name] for name in self.shown), *pictures])
        write_atomic(self.folder / f"epoch-{epoch + 1:03d}.png", png_of(grid))
        writer = tf.summary.create_file_writer(str(self.tensorboard / "samples"))
        with writer.as_default(step=epoch + 1):
            tf.summary.image("samples", grid[None])
        writer.close()


def picture_grid(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Return pictures float (N, H, W, 3) in [-1, 1], a column each, as one uint8 (rows, columns, 3)."""
    framed = [np.pad(one, ((0, 0), (0, GAP), (0, GAP), (0, 0)), constant_values=1.0) for one in columns]
    rows = np.concatenate(framed, axis=2)
    return to_pixels(rows.reshape(-1, *rows.shape[2:])[:-GAP, :-GAP])


def to_pixels(images: np.ndarray) -> np.ndarray:
    """Return pictures of [-1, 1] as uint8; what lies beyond is cut off."""
    return np.clip(np.rint((np.asarray(images, np.float32) + 1) * 127.5), 0, 255).astype(np.uint8)


def png_of(pixels: np.ndarray) -> bytes:
    """Return uint8 (H, W, 3) as a PNG file."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
