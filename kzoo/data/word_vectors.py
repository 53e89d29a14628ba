"""Word vectors of a file, and sentences as their mean."""

from __future__ import annotations

import gzip
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from kzoo.data.packages import require_packages
from kzoo.errors import DataError

WORD = re.compile(r"\w+(?:'\w+)*")
FORMATS = "word2vec's binary (.bin, .bin.gz) or text (.txt, .vec, .txt.gz, .vec.gz), or GloVe's text"


@dataclass(frozen=True)
class WordVectors:
    """Vectors by word.

    Attributes:
        path: of the file they are read from.
        keyed: gensim's KeyedVectors.
    """

    path: Path
    keyed: Any

    @property
    def dimension(self) -> int:
        """Of each vector."""
        return int(self.keyed.vector_size)

    def of(self, sentence: str) -> np.ndarray:
        """Return the vectors of the known words of a sentence, in its order, float32 (L, K), L 1 or more.

        A word that is not known as it is written is looked up in lower case; unknown words are left out.

        Raises:
            DataError: if no word is known.
        """
        words = [self._known(word) for word in WORD.findall(sentence)]
        rows = [self.keyed[word] for word in words if word is not None]
        if not rows:
            raise DataError(
                f"{self.path} has no vector for any word of {sentence!r}; expected one word or more"
            )
        return np.stack(rows).astype(np.float32)

    def mean(self, sentences: Sequence[str]) -> np.ndarray:
        """Return the mean of each sentence's vectors, float32 (N, K).

        Raises:
            DataError: as `of`.
        """
        return np.stack([self.of(sentence).mean(axis=0) for sentence in sentences])

    def _known(self, word: str) -> str | None:
        return next((one for one in (word, word.lower()) if one in self.keyed), None)


def read_word_vectors(path: Path) -> WordVectors:
    """Read a file of word vectors. Nothing is unpickled.

    Raises:
        DataError: if gensim is missing, or the file is missing, broken or of another format.
    """
    require_packages("data", "gensim")
    from gensim.models import KeyedVectors

    kind = path.name.removesuffix(".gz").rpartition(".")[2]
    if kind not in {"bin", "txt", "vec"}:
        raise DataError(
            f"{path} is no file of word vectors; expected {FORMATS}. What gensim saved itself is a pickle: "
            "write it with KeyedVectors.save_word2vec_format"
        )
    try:
        keyed = KeyedVectors.load_word2vec_format(
            str(path), binary=kind == "bin", no_header=kind != "bin" and not _has_header(path)
        )
    except (OSError, EOFError, ValueError, TypeError) as error:
        raise DataError(f"{path} cannot be read as word vectors: {error}; expected {FORMATS}") from error
    if not len(keyed) or not np.isfinite(keyed.vectors).all():
        raise DataError(f"{path} has {len(keyed)} words; expected one or more, with finite vectors")
    return WordVectors(path, keyed)


def dimension_of(path: Path) -> int:
    """Return the dimension of a file's vectors from its first line, without reading the rest.

    Raises:
        DataError: as `read_word_vectors`.
    """
    try:
        with _open(path) as file:
            first = file.readline(1 << 20).split()
        return int(first[1]) if len(first) == 2 else len(first) - 1
    except (OSError, EOFError, ValueError, IndexError) as error:
        raise DataError(f"{path} cannot be read as word vectors: {error}; expected {FORMATS}") from error


def _has_header(path: Path) -> bool:
    with _open(path) as file:
        return len(file.readline(1 << 20).split()) == 2


def _open(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return cast(IO[bytes], gzip.open(path, "rb"))
    return path.open("rb")
