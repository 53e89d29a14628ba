"""What the pipeline asks of a kind of data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tensorflow_metadata.proto.v0 import schema_pb2

from kzoo.errors import DataError
from tfx_pipeline.examples import IMAGE, SPLITS
from tfx_pipeline.records import Records


@dataclass(frozen=True, kw_only=True)
class Described:
    """What there is to say of records besides themselves; values that JSON can hold.

    Attributes:
        kind: its name.
        name: of the data, as they appear on a model's card.
        classes: names of the labels; none where there are no labels.
        fingerprint: SHA-256 of the files.
        licence: of the data.
        facts: what else the kind needs to know, as the encoders of features.
    """

    kind: str
    name: str
    classes: Sequence[str]
    fingerprint: str
    licence: str
    facts: Mapping[str, Any] = field(default_factory=dict)


class Kind(ABC):
    """A kind of data.

    Attributes:
        name: in span.json.
        source_type: what a task opens that has data of this kind.
    """

    name: ClassVar[str]
    source_type: ClassVar[type]

    def facts(self, source: Any) -> dict[str, Any]:
        """Return what `open` must know besides the records."""
        return {}

    def delivered(self, source: Any, split: str) -> Iterator[Any]:
        """Yield the examples of a span's split, "train", "validation" or "eval".

        Raises:
            DataError: if the source lacks what goes into it, or an example cannot be read.
        """
        name = SPLITS[split]
        if name not in source.splits:
            raise DataError(f"{source.name} has no split {name!r}, which a span needs")
        yield from self.examples(source, name)

    @abstractmethod
    def examples(self, source: Any, split: str) -> Iterator[Any]:
        """Yield a tf.train.Example each: id, image_bytes (PNG), class (names), and what the kind adds.

        Raises:
            DataError: if an example cannot be read.
        """

    @abstractmethod
    def schema(self, described: Described) -> schema_pb2.Schema:
        """Return what every example must hold, whatever statistics say."""

    def inputs(self, records: Records, split: str, count: int) -> dict[str, list[bytes]]:
        """Return what a server can be asked with: up to `count` strings by name of an endpoint's input."""
        return {IMAGE: records.images(split, count)}

    @abstractmethod
    def open(self, described: Described, records: Records) -> Any:
        """Return the source whose examples the records are; the task trains and is measured on it."""
