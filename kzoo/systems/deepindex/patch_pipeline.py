"""Features of patches as a Beam pipeline: RunInference over an exported SavedModel, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import apache_beam
import numpy as np
from apache_beam.ml.inference.base import ModelHandler, PredictionResult, RunInference

from kzoo.data.beam_run import beam, run_until_written
from kzoo.data.sources import open_source
from kzoo.systems.deepindex.patch_encoding import (
    EMBED,
    IMAGE_BYTES,
    Chunk,
    PatchBatch,
    PatchEncoding,
    batches,
    write_chunk,
    write_description,
)

_PATCHES_AT_ONCE = 14
_CHUNKS_A_READER = 32


class SavedModelHandler(ModelHandler[PatchBatch, PredictionResult, Any]):
    """Loads a SavedModel once a process, and asks its `embed` for the features of patches.

    Beam's own handler of TensorFlow loads by Keras 2 and TensorFlow Hub; neither reads a SavedModel here.
    """

    def __init__(self, model: Path) -> None:
        super().__init__()
        self._model = str(model)

    def load_model(self) -> Any:
        """Return the SavedModel."""
        import tensorflow as tf

        return tf.saved_model.load(self._model)

    def run_inference(
        self, batch: Sequence[PatchBatch], model: Any, inference_args: Mapping[str, Any] | None = None
    ) -> Iterable[PredictionResult]:
        """Yield of each chunk its features, float32 (P, D) of each output, P its different patches."""
        import tensorflow as tf

        embed = model.signatures[EMBED]
        for one in batch:
            parts = [
                embed(**{IMAGE_BYTES: tf.constant(one.patches[start : start + _PATCHES_AT_ONCE])})
                for start in range(0, len(one.patches), _PATCHES_AT_ONCE)
            ]
            features = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
            yield PredictionResult(one, features)

    def batch_elements_kwargs(self) -> Mapping[str, Any]:
        """One chunk at a time: it has patches enough."""
        return {"min_batch_size": 1, "max_batch_size": 1}

    def get_metrics_namespace(self) -> str:
        """Return the name that Beam counts under."""
        return "kzoo_patches"


class ReadPatches(apache_beam.DoFn):
    """Cuts the images of chunks into patches; each worker opens the data by name, once."""

    def __init__(self, encoding: PatchEncoding) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = encoding.source.name
        self._rest = (encoding.splits, encoding.model, encoding.pixels, encoding.folder)

    def setup(self) -> None:
        """Open the data."""
        self._encoding = PatchEncoding(open_source(self._name), *self._rest)

    def process(self, chunks: Sequence[Chunk]) -> Iterator[PatchBatch]:
        """Yield the patches of chunks of one split."""
        yield from batches(self._encoding, chunks)


class WriteChunks(apache_beam.DoFn):
    """Writes the features of chunks."""

    def __init__(self, encoding: PatchEncoding) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._folder = encoding.folder

    def process(self, result: PredictionResult) -> Iterator[str]:
        """Write one chunk and give the name of its file."""
        batch, features = cast("tuple[PatchBatch, dict[str, Any]]", result[:2])
        write_chunk(self._folder, batch, features)
        yield batch.chunk.file


def encode_patches(encoding: PatchEncoding, beam_args: Sequence[str] = (), *, quiet: bool = False) -> int:
    """Write the chunks that are missing; return how many these were.

    Whole chunks are never made again, so that what was stopped goes on where it stopped.

    Args:
        encoding: what `patch_encoding` gave.
        beam_args: of Beam, which come after those of `beam_run`. Workers of other machines need kzoo, the
            data, and the folder at the same place.
        quiet: no progress bar.

    Raises:
        DataError: if the pipeline fails, as over an image that is too small for the pyramid; chunks that were
            written before stay.
    """
    missing = encoding.missing()
    write_description(encoding)
    if not missing:
        return 0
    readers = [
        of_split[start : start + _CHUNKS_A_READER]
        for split in encoding.splits
        if (of_split := [chunk for chunk in missing if chunk.split == split])
        for start in range(0, len(of_split), _CHUNKS_A_READER)
    ]

    def fill(pipeline: Any) -> None:
        patches = (
            pipeline
            | "chunks" >> beam.Create(readers, reshuffle=False)
            | "patches" >> beam.ParDo(ReadPatches(encoding))
        )
        features = patches | "features" >> RunInference(SavedModelHandler(encoding.model))
        _ = features | "files" >> beam.ParDo(WriteChunks(encoding))

    files = [encoding.folder / chunk.file for chunk in missing]
    title = f"encoding patches of {encoding.source.name}"
    run_until_written(fill, files, beam_args, title=title, quiet=quiet)
    return len(missing)
