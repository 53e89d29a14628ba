"""What the pipeline asks of a kind of data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tensorflow_metadata.proto.v0 import schema_pb2

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
        text: feature with texts that a server can be asked with, or None.
    """

    name: ClassVar[str]
    source_type: ClassVar[type]
    text: ClassVar[str | None] = None

    def facts(self, source: Any) -> dict[str, Any]:
        """Return what `open` must know besides the records."""
        return {}

    @abstractmethod
    def examples(self, source: Any, split: str) -> Iterator[Any]:
        """Yield a tf.train.Example each: id, image_bytes (PNG), class (names), and what the kind adds.

        Raises:
            DataError: if an example cannot be read.
        """

    @abstractmethod
    def schema(self, described: Described) -> schema_pb2.Schema:
        """Return what every example must hold, whatever statistics say."""

    @abstractmethod
    def open(self, described: Described, records: Records) -> Any:
        """Return the source whose examples the records are; the task trains and is measured on it."""
