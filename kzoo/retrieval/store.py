"""Ids, vectors and metadata of an index, row by row, in memory and as files of plain NumPy and JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kzoo.errors import RetrievalError
from kzoo.retrieval.vector_index import Floats

VECTORS, ROWS = "vectors.npy", "rows.jsonl"


class Store:
    """Rows of an index: row i has `ids[i]`, `vectors[i]` and `metadata[i]`.

    Rows move as ScaNN moves its own: what is new comes last, and the last row fills the gap of a removed one.
    """

    def __init__(
        self, ids: Sequence[str], vectors: Floats, metadata: Sequence[Mapping[str, Any]] | None
    ) -> None:
        self.ids = list(ids)
        self.metadata = [dict(one) for one in metadata] if metadata is not None else [{} for _ in self.ids]
        self._row_of = {one: row for row, one in enumerate(self.ids)}
        self._space = vectors  # the caller's, or a file's, until the first change
        self._own_space = False
        self._digest: str | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, one: object) -> bool:
        return one in self._row_of

    @property
    def vectors(self) -> Floats:
        """float32 (N, D)."""
        return self._space[: len(self.ids)]

    @property
    def known(self) -> Mapping[str, int]:
        """The row of each id."""
        return self._row_of

    def put(
        self, ids: Sequence[str], vectors: Floats, metadata: Sequence[Mapping[str, Any]] | None
    ) -> list[int | None]:
        """Replace or append rows; return where each id was, None for a new one."""
        before = [self._row_of.get(one) for one in ids]
        self._reserve(len(self.ids) + before.count(None))
        for position, (one, row) in enumerate(zip(ids, before, strict=True)):
            if row is None:
                row = self._row_of[one] = len(self.ids)  # noqa: PLW2901
                self.ids.append(one)
                self.metadata.append({})
            self._space[row] = vectors[position]
            if metadata is not None:
                self.metadata[row] = dict(metadata[position])
        self._digest = None
        return before

    def remove(self, ids: Sequence[str]) -> list[int]:
        """Remove rows one after another; return where each was when its turn came."""
        self._reserve(len(self.ids))
        rows = []
        for one in ids:
            row, last = self._row_of.pop(one), len(self.ids) - 1
            rows.append(row)
            moved, moved_metadata = self.ids.pop(), self.metadata.pop()
            if row != last:
                self.ids[row], self.metadata[row], self._row_of[moved] = moved, moved_metadata, row
                self._space[row] = self._space[last]
        self._digest = None
        return rows

    def names_of(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.str_]:
        """Return the ids of `rows`, in the same shape."""
        return np.array([self.ids[row] for row in rows.ravel().tolist()], np.str_).reshape(rows.shape)

    def digest(self) -> str:
        """Return a SHA-256 over vectors, ids and metadata, in hexadecimal."""
        if self._digest is None:
            digest = hashlib.sha256(self._rows_text().encode("utf-8"))
            digest.update(np.ascontiguousarray(self.vectors, "<f4").data)
            self._digest = digest.hexdigest()
        return self._digest

    def write(self, folder: Path) -> None:
        """Write the rows into `folder`."""
        np.save(folder / VECTORS, self.vectors, allow_pickle=False)
        (folder / ROWS).write_text(self._rows_text(), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path, *, count: int, dimension: int) -> Store:
        """Read what `write` wrote; vectors stay on disk until they are needed or changed.

        Raises:
            RetrievalError: if a file is missing or is not what `count` and `dimension` say.
        """
        try:
            vectors = np.load(folder / VECTORS, mmap_mode="r", allow_pickle=False)
            rows = [json.loads(line) for line in (folder / ROWS).read_text("utf-8").splitlines()]
            ids = [row["id"] for row in rows]
            metadata = [row["metadata"] for row in rows]
        except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
            raise RetrievalError(f"the index files in {folder} cannot be read: {error}") from error
        if vectors.dtype != np.float32 or vectors.shape != (count, dimension) or len(set(ids)) != count:
            raise RetrievalError(
                f"{folder} holds {len(set(ids))} ids and {vectors.dtype} vectors {vectors.shape}; "
                f"expected {count} ids and float32 ({count}, {dimension})"
            )
        return cls(ids, vectors, metadata)

    def _rows_text(self) -> str:
        rows = zip(self.ids, self.metadata, strict=True)
        return "".join(json.dumps({"id": one, "metadata": metadata}) + "\n" for one, metadata in rows)

    def _reserve(self, rows: int) -> None:
        if self._own_space and rows <= len(self._space):
            return
        space = np.empty((max(rows, len(self._space) * 3 // 2), self._space.shape[1]), np.float32)
        space[: len(self.ids)] = self.vectors
        self._space, self._own_space = space, True
