"""The index of a gallery inside a SavedModel, as ScaNN's own operation, for a server that has loaded it.

The operation is built for TensorFlow 2.20: `tools/setup.sh --graph` makes an environment that has it.
"""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kzoo.errors import ExportError
from kzoo.export.gallery_search import GallerySearch
from kzoo.retrieval import Index
from kzoo.retrieval._scann import scann_operation

# What the operation that makes a searcher takes, in its order, and the type of what a plan has none of.
_PARTS: Mapping[str, tf.DType] = {
    "dataset.npy": tf.float32,
    "scann_config.pb": tf.string,
    "serialized_partitioner.pb": tf.string,
    "datapoint_to_token.npy": tf.int32,
    "ah_codebook.pb": tf.string,
    "hashed_dataset.npy": tf.uint8,
    "int8_dataset.npy": tf.int8,
    "int8_multipliers.npy": tf.float32,
    "dp_norms.npy": tf.float32,
}


class ScannSearch(GallerySearch):
    """The searcher of the index as it is: its leaves, codes and plan, so that it finds what the index finds.

    Raises:
        RetrievalError: if ScaNN's operation cannot be loaded beside this TensorFlow.
        ExportError: if the plan rescores in a number format that the operation does not have.
    """

    def __init__(self, embed: tf.types.experimental.ConcreteFunction, index: Index) -> None:
        super().__init__(embed, index)
        self._operation = scann_operation()
        self._plan = index.plan
        if self._plan.block is not None and self._plan.reorder_type == "bfloat16":
            raise ExportError("the plan rescores in bfloat16; ScaNN's operation has float32 and int8")
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "scann"
            index.write_searcher(folder)
            parts = {name: _part(folder / name, dtype) for name, dtype in _PARTS.items()}
        self.parts = {
            name.partition(".")[0]: tf.Variable(part, trainable=False) for name, part in parts.items()
        }
        # Searchers are kept by this name in a process, so that those of two models must not share it.
        self._shared_name = f"kzoo-{uuid.uuid4()}"

    def nearest(self, queries: tf.Tensor, k: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return what the searcher finds; where its leaves hold too few, all leaves are searched."""
        handle = self._operation.tensors_to_scann(
            *(self.parts[name.partition(".")[0]] for name in _PARTS), shared_name=self._shared_name
        )
        plan = self._plan
        everything = tf.constant(self._count if plan.block else -1)
        candidates = tf.maximum(plan.reorder or 0, k) if plan.block else tf.constant(-1)

        def search(reorder: tf.Tensor, leaves: int) -> tuple[tf.Tensor, tf.Tensor]:
            rows, scores = self._operation.scann_search_batched(
                handle, queries, k, reorder, tf.constant(leaves), True
            )
            shape = [None, None]
            return tf.ensure_shape(tf.cast(rows, tf.int32), shape), tf.ensure_shape(scores, shape)

        rows, scores = search(candidates, plan.leaves_to_search or -1)
        for reorder in (candidates, everything):
            rows, scores = self._widened(rows, scores, partial(search, reorder, plan.leaves or -1))
        return rows, scores

    @staticmethod
    def _widened(
        rows: tf.Tensor, scores: tf.Tensor, search: Callable[[], tuple[tf.Tensor, tf.Tensor]]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Replace the answers that are short, whose scores end in NaN, by those of `search`."""
        short = tf.reduce_any(tf.math.is_nan(scores), axis=1, keepdims=True)

        def replaced() -> tuple[tf.Tensor, tf.Tensor]:
            more_rows, more_scores = search()
            return tf.where(short, more_rows, rows), tf.where(short, more_scores, scores)

        return tf.cond(tf.reduce_any(short), replaced, lambda: (rows, scores))


def _part(path: Path, dtype: tf.DType) -> Any:
    if not path.is_file():
        return tf.constant("" if dtype == tf.string else 0, dtype)
    if path.suffix == ".pb":
        return tf.constant([path.read_bytes()])
    return tf.constant(np.load(path, allow_pickle=False), dtype)
