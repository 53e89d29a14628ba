"""Files of word vectors in the formats that are published, and sentences as means."""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path

import numpy as np
import pytest
from gensim.models import KeyedVectors

from kzoo.data.word_vectors import dimension_of, read_word_vectors
from kzoo.errors import DataError

VECTORS = {"dog": [1.0, 0.0, 2.0], "runs": [3.0, 2.0, 0.0], "Paris": [0.0, 4.0, 4.0]}


def write(path: Path) -> Path:
    if path.name.startswith("glove"):
        path.write_text("".join(f"{word} {' '.join(map(str, one))}\n" for word, one in VECTORS.items()))
        return path
    keyed = KeyedVectors(3)
    keyed.add_vectors(list(VECTORS), np.array(list(VECTORS.values()), np.float32))
    plain = path.with_name(path.name.removesuffix(".gz"))
    keyed.save_word2vec_format(str(plain), binary=".bin" in path.name)
    if path != plain:
        path.write_bytes(gzip.compress(plain.read_bytes()))
    return path


@pytest.mark.parametrize("name", ["w2v.bin", "w2v.bin.gz", "w2v.vec", "w2v.txt.gz", "glove.txt"])
def test_formats_and_means(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / name)
    assert dimension_of(path) == 3
    vectors = read_word_vectors(path)
    assert vectors.dimension == 3
    found = vectors.mean(["A Dog runs!", "paris, Paris"])
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [[2, 1, 1], [0, 4, 4]])


def test_no_known_word(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no vector for any word of 'the cat'"):
        read_word_vectors(write(tmp_path / "w2v.bin")).mean(["the cat"])


def test_what_is_no_file_of_vectors(tmp_path: Path) -> None:
    pickled = tmp_path / "vectors.kv"
    pickled.write_bytes(pickle.dumps({}))
    with pytest.raises(DataError, match=r"vectors\.kv is no file of word vectors.*save_word2vec_format"):
        read_word_vectors(pickled)
    with pytest.raises(DataError, match=r"absent\.bin cannot be read"):
        read_word_vectors(tmp_path / "absent.bin")
    whole = write(tmp_path / "w2v.bin")
    whole.write_bytes(whole.read_bytes()[:-6])
    with pytest.raises(DataError, match=r"w2v\.bin cannot be read"):
        read_word_vectors(whole)
    empty = tmp_path / "empty.vec"
    empty.touch()
    with pytest.raises(DataError, match=r"empty\.vec"):
        read_word_vectors(empty)
