"""Encoding as a Beam pipeline: the shards that are missing, on whatever runner its arguments name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import apache_beam

from kzoo.data.beam_run import beam, run_until_written
from kzoo.data.encoding import (
    Encoding,
    Shard,
    encode_shard,
    encoding_of,
    loaded_encoders,
    prepare_folder,
)


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
        beam_args: of Beam, as "--runner=FlinkRunner", which come after those of `beam_run`. Workers of
            other machines need kzoo, and the folder at the same place.
        quiet: no progress bar.

    Raises:
        DataError: if the pipeline fails; shards that were written before stay.
    """
    missing = encoding.missing()
    prepare_folder(encoding)
    if not missing:
        return 0

    def fill(pipeline: Any) -> None:
        shards = pipeline | "shards" >> beam.Create(missing, reshuffle=False)
        _ = shards | "features" >> beam.ParDo(EncodeShards(encoding))

    title = f"encoding {encoding.source.name}"
    files = [encoding.folder / shard.file for shard in missing]
    run_until_written(fill, files, beam_args, title=title, quiet=quiet)
    return len(missing)
