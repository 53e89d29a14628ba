"""How an index searches: exactly, over hashed vectors, or over those in the nearest leaves of a tree."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from kzoo.errors import RetrievalError, UsageError

EXACT_BELOW = 20_000
TREE_FROM = 100_000
REORDER_TYPES = ("float32", "bfloat16", "int8")


@dataclass(frozen=True)
class Plan:
    """The stages of one search: leaves of a tree, hashed scores in them, exact scores of the best.

    ScaNN's spilling of vectors into a second leaf (SOAR) is not among them: in ScaNN 1.4.2 it ends the
    process on updates, and at small `reorder` its recall falls as more leaves are searched.

    Attributes:
        leaves: k-means cells that the gallery is divided into; None for no tree.
        leaves_to_search: cells nearest a query that are looked into; None exactly where `leaves` is.
        block: dimensions hashed together to 4 bits by asymmetric hashing; None for exact scores.
        threshold: of anisotropic quantisation, which weighs errors along a vector more; dot products only.
        reorder: candidates by hashed score that are scored again; None exactly where `block` is.
        reorder_type: number format of the vectors that candidates are scored again with.
        training_sample: vectors that cells and codebooks are trained on, at most.
    """

    leaves: int | None = None
    leaves_to_search: int | None = None
    block: int | None = None
    threshold: float = 0.2
    reorder: int | None = None
    reorder_type: Literal["float32", "bfloat16", "int8"] = "float32"
    training_sample: int = 100_000

    def __post_init__(self) -> None:
        pairs = (("leaves", "leaves_to_search"), ("block", "reorder"))
        for first, second in pairs:
            if (getattr(self, first) is None) != (getattr(self, second) is None):
                raise UsageError(f"a plan has both {first} and {second} or neither; received {self}")
        for name in ("leaves", "leaves_to_search", "block", "reorder", "training_sample"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise UsageError(f"a plan's {name} is a whole number of at least 1; received {value!r}")
        if self.leaves is not None and not (self.leaves_to_search or 0) <= self.leaves:
            raise UsageError(
                f"leaves_to_search is {self.leaves_to_search}; expected at most leaves, {self.leaves}"
            )
        if self.reorder_type not in REORDER_TYPES:
            raise UsageError(f"reorder_type is {self.reorder_type!r}; expected one of {REORDER_TYPES}")

    @property
    def kind(self) -> str:
        """The stages in words, as "tree + hashing + reorder"."""
        stages = [
            *(["tree"] if self.leaves else []),
            *(["hashing", "reorder"] if self.block else ["exact"]),
        ]
        return " + ".join(stages)

    @property
    def exact(self) -> bool:
        """Whether every vector is scored exactly."""
        return self.leaves is None and self.block is None

    @classmethod
    def for_size(cls, count: int, dimension: int) -> Plan:
        """Return the plan for `count` vectors: exact below 20,000, hashing below 100,000, and then a tree.

        A tree has about sqrt(count) leaves, of which a tenth is searched.
        """
        if count < EXACT_BELOW:
            return cls()
        block = min(4, dimension)
        if count < TREE_FROM:
            return cls(block=block, reorder=200)
        leaves = round(math.sqrt(count))
        return cls(leaves=leaves, leaves_to_search=math.ceil(leaves / 10), block=block, reorder=200)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as values that JSON can hold."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Plan:
        """Return the plan that `to_json` wrote.

        Raises:
            RetrievalError: if a field is unknown or missing.
        """
        names = {field.name for field in dataclasses.fields(cls)}
        if set(values) != names:
            raise RetrievalError(f"a plan has the fields {sorted(names)}; received {sorted(values)}")
        return cls(**values)
