"""What goes into an index is checked before anything is changed: ids, vectors, metadata, k."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kzoo.errors import UsageError
from kzoo.retrieval.vector_index import METRICS, Floats

_SHOWN = 3
_SMALLEST = 1e-18  # the square of a smaller length loses digits in float32


def checked_metric(metric: str) -> str:
    """Return `metric` if an index has it.

    Raises:
        UsageError: otherwise.
    """
    if metric not in METRICS:
        raise UsageError(f"metric is {metric!r}; expected one of {METRICS}")
    return metric


def checked_vectors(
    vectors: npt.ArrayLike, *, metric: str, dimension: int | None = None, what: str = "vectors"
) -> Floats:
    """Return float32 (N, D), contiguous; of length 1 each where the metric is cosine.

    Raises:
        UsageError: if there are none, the shape is not (N, dimension), a value is NaN or infinite in float32,
            or a vector is zero where the metric is cosine.
    """
    row = _good_row(vectors, metric, dimension)
    if row is not None:
        return row
    try:
        given = np.asarray(vectors)
        with np.errstate(over="ignore"):
            array = np.ascontiguousarray(given, np.float32)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{what}: expected numbers of shape (N, D); received {error}") from error
    expected = f"(N, {dimension or 'D'}), N at least 1"
    wrong_dimension = array.ndim == 2 and dimension is not None and array.shape[1] != dimension
    if given.ndim != 2 or 0 in array.shape or wrong_dimension:
        raise UsageError(f"{what} have shape {given.shape}; expected {expected}")
    with np.errstate(over="ignore"):
        lengths = np.sqrt(np.einsum("nd,nd->n", array, array))
    if lengths.min() > _SMALLEST and lengths.max() < np.inf:  # so all is finite, and none is zero
        return array / lengths[:, None] if metric == "cosine" else array
    finite = np.isfinite(array).all(axis=1)
    if not finite.all():
        raise UsageError(f"{what} in rows {_first(np.flatnonzero(~finite))} hold NaN or infinity")
    if metric != "cosine":
        return array
    largest = np.abs(array).max(axis=1, keepdims=True)
    zero = largest[:, 0] == 0
    if zero.any():
        raise UsageError(f"{what} in rows {_first(np.flatnonzero(zero))} are zero; cosine has no direction")
    scaled = array / largest
    return scaled / np.linalg.norm(scaled, axis=1, keepdims=True)


def _good_row(vectors: npt.ArrayLike, metric: str, dimension: int | None) -> Floats | None:
    """Return the one vector that most searches ask with, if there is nothing to refuse in it; else None.

    What `checked_vectors` does for any number costs as much time for one as the search itself.
    """
    if not isinstance(vectors, np.ndarray) or vectors.dtype != np.float32 or vectors.shape != (1, dimension):
        return None
    length = math.sqrt(np.vdot(vectors, vectors))
    if not _SMALLEST < length < math.inf:
        return None
    row = np.ascontiguousarray(vectors, np.float32)
    return row / np.float32(length) if metric == "cosine" else row


def checked_ids(ids: Sequence[str], *, count: int | None = None) -> list[str]:
    """Return `ids` as a list, if they are non-empty strings that do not repeat, `count` of them.

    Raises:
        UsageError: otherwise; the message names the first that are wrong.
    """
    if isinstance(ids, str):
        raise UsageError(f"ids are a sequence of strings; received the one string {ids!r}")
    plain = [str(one) if isinstance(one, np.str_) else one for one in ids]
    if count is not None and len(plain) != count:
        raise UsageError(f"received {len(plain)} ids for {count} vectors; expected one a vector")
    wrong = [one for one in plain if not isinstance(one, str) or not one]
    if wrong:
        raise UsageError(f"ids are non-empty strings; received {_first(wrong)}")
    repeated = [one for one, times in Counter(plain).items() if times > 1]
    if repeated:
        raise UsageError(f"ids are unique; received more than once: {_first(repeated)}")
    return plain


def checked_known(ids: Sequence[str], known: Collection[str]) -> list[str]:
    """Return `ids` as a list, if each is one of `known`.

    Raises:
        UsageError: otherwise; the message names the first that are not.
    """
    unknown = [one for one in ids if one not in known]
    if unknown:
        raise UsageError(f"ids that the index does not have: {_first(unknown)}; it has {len(known)}")
    return [str(one) for one in ids]


def checked_metadata(metadata: Sequence[Mapping[str, Any]] | None, count: int) -> list[dict[str, Any]] | None:
    """Return a copy of `metadata`, one mapping a vector, as JSON reads it back; None for None.

    Raises:
        UsageError: if there is another number of them, or one is no mapping that JSON can hold.
    """
    if metadata is None:
        return None
    if len(metadata) != count:
        raise UsageError(f"received {len(metadata)} metadata for {count} vectors; expected one a vector")
    return [_as_json(row, one) for row, one in enumerate(metadata)]


def checked_k(k: int, count: int) -> int:
    """Return `k` if it is a whole number from 1 to `count`.

    Raises:
        UsageError: otherwise.
    """
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 1 <= k <= count:
        raise UsageError(f"k is {k!r}; expected 1 to {count}, the number of vectors in the index")
    return int(k)


def _as_json(row: int, metadata: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return json.loads(json.dumps(dict(metadata), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise UsageError(f"metadata of row {row}: expected a mapping that JSON can hold; {error}") from error


def _first(values: Sequence[Any] | npt.NDArray[Any]) -> str:
    shown = ", ".join(repr(value.item() if hasattr(value, "item") else value) for value in values[:_SHOWN])
    return shown if len(values) <= _SHOWN else f"{shown} and {len(values) - _SHOWN} more"
