"""Encoding as a Beam pipeline: the shards that are missing, on whatever runner its arguments name."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import apache_beam
from apache_beam.options.pipeline_options import PipelineOptions

from kzoo.data.encoding import (
    Encoding,
    Shard,
    encode_shard,
    encoding_of,
    loaded_encoders,
    prepare_folder,
)
from kzoo.data.progress import progress_bar
from kzoo.errors import DataError

beam: Any = apache_beam
"""Beam comes without types."""

IN_THIS_PROCESS = ("--runner=FnApiRunner", "--direct_num_workers=1")
_LOOK_SECONDS = 0.5


class EncodeShards(apache_beam.DoFn):
    """Writes the features of shards; each worker opens data and encoders by name, once."""

    def __init__(self, encoding: Encoding) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names = (encoding.source.name, encoding.image_encoder.name, encoding.text_encoder.name)
        self.folder = str(encoding.folder)

    def setup(self) -> None:
        """Open the data, and load the encoders."""
        data, image, text = self.names
        self.encoding = encoding_of(data, image, text, Path(self.folder))
        self.encoders = loaded_encoders(self.encoding)

    def process(self, shard: Shard) -> Iterator[str]:
        """Write one shard and give the name of its file."""
        encode_shard(self.encoding, shard, *self.encoders)
        yield shard.file


def encode_with_beam(encoding: Encoding, beam_args: Sequence[str] = (), *, quiet: bool = False) -> int:
    """Write the shards that are missing; return how many these were.

    Whole shards are never made again, so that what was stopped goes on where it stopped.

    Args:
        encoding: what `encoding_of` gave.
        beam_args: of Beam, as "--runner=DirectRunner", which come after those of IN_THIS_PROCESS. Workers of
            other machines need kzoo, and the folder at the same place.
        quiet: no progress bar.

    Raises:
        DataError: if the pipeline fails; shards that were written before stay.
    """
    missing = encoding.missing()
    prepare_folder(encoding)
    if not missing:
        return 0
    options = PipelineOptions([*IN_THIS_PROCESS, *beam_args])
    running = _Running(encoding, missing, options)
    running.start()
    title = f"encoding {encoding.source.name}"
    written = running.written()
    for _ in written if quiet else progress_bar(written, title, total=len(missing)):
        pass
    running.join()
    if running.error is not None:
        reason = str(running.error).strip().splitlines()[-1]
        raise DataError(
            f"encoding {encoding.source.name} into {encoding.folder} failed: {reason}"
        ) from running.error
    if left := encoding.missing():
        raise DataError(f"the pipeline ended without writing {', '.join(shard.file for shard in left)}")
    return len(missing)


class _Running(threading.Thread):
    """The pipeline on a thread of its own, for its runner does not say how far it is."""

    def __init__(self, encoding: Encoding, missing: list[Shard], options: PipelineOptions) -> None:
        super().__init__(name="encoding", daemon=True)
        self.encoding = encoding
        self.todo = missing
        self.options = options
        self.error: Exception | None = None

    def run(self) -> None:
        """Run the pipeline to its end."""
        try:
            with beam.Pipeline(options=self.options) as pipeline:
                shards = pipeline | "shards" >> beam.Create(self.todo, reshuffle=False)
                _ = shards | "features" >> beam.ParDo(EncodeShards(self.encoding))
        except Exception as error:  # noqa: BLE001, handed to the thread that waits, whatever the runner raises
            self.error = error

    def written(self) -> Iterator[Shard]:
        """Yield each shard when its file is there, until all are or the pipeline has ended."""
        waiting = self.todo
        while waiting:
            ended = not self.is_alive()
            there = [shard for shard in waiting if (self.encoding.folder / shard.file).is_file()]
            yield from there
            waiting = [shard for shard in waiting if shard not in there]
            if ended:
                return
            time.sleep(_LOOK_SECONDS)
