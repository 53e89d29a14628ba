"""A model and the gallery of its index in one SavedModel, whose `search` needs no index beside it."""

from __future__ import annotations

import shutil
from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

import tensorflow as tf

from kzoo.errors import ExportError, UsageError
from kzoo.files import folder_written_aside
from kzoo.retrieval import Index, VectorIndex, open_index
from kzoo.serving.versions import SAVED_MODEL_FILE, find_versions

if TYPE_CHECKING:
    from collections.abc import Callable

EMBED, EMBEDDING, SEARCH = "embed", "embedding", "search"
_WARM_UP = "assets.extra"


class GallerySearch(tf.Module):
    """The signature `search` of a gallery. What is large is in variables: a graph holds no more than 2 GB.

    Args:
        embed: a loaded signature that answers `embedding` float32 (N, D).
        index: vectors of that signature, their ids and metadata.
    """

    def __init__(self, embed: tf.types.experimental.ConcreteFunction, index: Index) -> None:
        super().__init__()
        self._embed = embed
        self._metric = index.info()["metric"]
        self._count = len(index)
        ids = index.ids
        self.ids = tf.Variable(tf.constant(ids), trainable=False)
        self.metadata = tf.Variable(tf.constant(index.metadata_json(ids)), trainable=False)

    def of_inputs(self) -> tf.types.experimental.ConcreteFunction:
        """Return the signature `search`: the inputs of `embed` and k int32 (), each by its name."""
        specs = {**self._embed.structured_input_signature[1], "k": tf.TensorSpec([], tf.int32, name="k")}

        @tf.function
        def search(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
            return self._search(inputs.pop("k"), inputs)

        return search.get_concrete_function(**specs)

    @abstractmethod
    def nearest(self, queries: tf.Tensor, k: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return rows int32 (N, k) and scores float32 (N, k), nearest first, of float32 (N, D)."""

    def _search(self, k: tf.Tensor, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        allowed = tf.debugging.Assert(
            tf.logical_and(k >= 1, k <= self._count),
            [f"k is not of 1 to {self._count}, the vectors of the gallery:", k],
        )
        queries = self._embed(**inputs)[EMBEDDING]
        if self._metric == "cosine":
            queries = tf.math.l2_normalize(queries, axis=1, epsilon=1e-30)
        with tf.control_dependencies([allowed]):
            rows, scores = self.nearest(queries, tf.identity(k))
        return {
            "ids": tf.gather(self.ids, rows),
            "scores": tf.maximum(scores, 0.0) if self._metric == "l2" else scores,
            "metadata": tf.gather(self.metadata, rows),
        }


class ExactSearch(GallerySearch):
    """Every vector is scored, by TensorFlow's own operations: any server answers it."""

    def __init__(self, embed: tf.types.experimental.ConcreteFunction, index: Index) -> None:
        super().__init__(embed, index)
        self.vectors = tf.Variable(index.vectors, trainable=False)

    def nearest(self, queries: tf.Tensor, k: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the best of all products, or of all distances."""
        nearness = tf.matmul(queries, self.vectors, transpose_b=True)
        if self._metric == "l2":
            squares = tf.reduce_sum(tf.square(self.vectors), axis=1)
            nearness = 2 * nearness - squares - tf.reduce_sum(tf.square(queries), axis=1, keepdims=True)
        best, rows = tf.math.top_k(nearness, k)
        return rows, -best if self._metric == "l2" else best


def export_gallery_search(
    model: Path,
    index: str,
    out: Path,
    kind: Callable[[tf.types.experimental.ConcreteFunction, Index], GallerySearch] = ExactSearch,
) -> VectorIndex:
    """Write a SavedModel with the signatures of `model`, and `search` over the gallery of `index`; return it.

    `search` takes the inputs of `embed`, and k int32 (); it answers, nearest first, ids string (N, k), scores
    float32 (N, k), and metadata string (N, k), each a JSON object.

    Args:
        model: an exported model, NAME or NAME/VERSION; of a folder of versions the newest.
        index: the folder of an index that this version made.
        out: the version folder to write, new.
        kind: how the gallery is searched.

    Raises:
        UsageError: if `out` exists or is no number, `model` is no export, or the index is no folder.
        ExportError: if the model cannot be loaded, has no `embed`, or has a `search` already.
        RetrievalError: if the index cannot be read or is of another model or version.
    """
    if out.exists() or not out.name.isdecimal():
        raise UsageError(f"{out}: expected a new folder whose name is the version's number, as NAME/1")
    folder = _version_folder(model)
    opened = open_index(index, folder.parent.name, folder.name)
    if not isinstance(opened, Index):
        opened.close()
        raise UsageError(f"{index} is no index in a folder; expected one, whose vectors go into the graph")
    try:
        loaded = tf.saved_model.load(str(folder))
    except (OSError, tf.errors.OpError) as error:
        raise ExportError(f"{folder} cannot be loaded: {error}") from error
    signatures = dict(loaded.signatures)
    if EMBED not in signatures or SEARCH in signatures:
        raise ExportError(
            f"{folder} has the endpoints {', '.join(sorted(signatures))}; expected {EMBED}, and no {SEARCH}"
        )
    module = kind(signatures[EMBED], opened)
    module.model = loaded
    with folder_written_aside(out) as aside:
        tf.saved_model.save(
            module,
            str(aside),
            signatures={**signatures, SEARCH: module.of_inputs()},
            options=tf.saved_model.SaveOptions(namespace_whitelist=["Scann"]),
        )
        if (folder / _WARM_UP).is_dir():
            shutil.copytree(folder / _WARM_UP, aside / _WARM_UP)
    return opened


def _version_folder(model: Path) -> Path:
    versions = {} if (model / SAVED_MODEL_FILE).is_file() or not model.is_dir() else find_versions(model)
    folder = versions[max(versions)] if versions else model
    if not (folder / SAVED_MODEL_FILE).is_file():
        raise UsageError(f"{model} is no exported model; expected savedmodels/NAME or NAME/VERSION")
    return folder.resolve()
