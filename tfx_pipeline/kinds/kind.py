"""What the pipeline asks of a kind of data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tensorflow_metadata.proto.v0 import schema_pb2

from kzoo.errors import DataError
from tfx_pipeline.examples import IMAGE
from tfx_pipeline.records import Records

HELD_OUT = 10
"""Every tenth example to train on is one to validate on, where a source has none of its own."""


Wanted = Callable[[int], bool]


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

    def delivered(self, source: Any, split: str, part: tuple[int, int] = (0, 1)) -> Iterator[Any]:
        """Return the examples of a span's split, "train", "validation" or "eval", or a part (k, n) of them.

        The source's test split decides on blessing; where it has none, its validation split. Where none is
        left to choose the epoch by, every tenth example to train on is.

        Raises:
            DataError: if the source lacks what goes into it, or an example cannot be read.
        """
        if "train" not in source.splits or not {"test", "validation"} & set(source.splits):
            raise DataError(
                f"{source.name} has the splits {', '.join(source.splits)}; a span needs train, and test or "
                "validation"
            )
        first, step = part

        def in_part(row: int) -> bool:
            return row % step == first

        def held_out(row: int) -> bool:
            return row % HELD_OUT == 0 and in_part(row // HELD_OUT)

        def left(row: int) -> bool:
            return row % HELD_OUT != 0 and in_part(row - row // HELD_OUT - 1)

        if split == "eval":
            return self.examples(source, "test" if "test" in source.splits else "validation", in_part)
        if {"test", "validation"} <= set(source.splits):
            return self.examples(source, split, in_part)
        return self.examples(source, "train", held_out if split == "validation" else left)

    @abstractmethod
    def examples(self, source: Any, split: str, wanted: Wanted) -> Iterator[Any]:
        """Yield a tf.train.Example each: id, image_bytes (PNG), class (names), and what the kind adds.

        Args:
            source: opened.
            split: of the source.
            wanted: says of each row, counted from 0, whether it is yielded.

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
