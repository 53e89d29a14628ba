"""CIFAR from archives of the true layout, and the errors where there is none.

The archives are tiny, so their checksums cannot be those that TFDS knows; these, and nothing else, are
replaced. Finding, checking, unpacking, parsing, writing and reading are TFDS's and ours.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kzoo.data.sources import open_source
from kzoo.errors import DataError
from kzoo.files import sha256_of_file

ROOT = Path(__file__).parents[2]
CIFAR10_CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def records(labels: list[list[int]], first: int) -> tuple[bytes, np.ndarray]:
    """Return CIFAR's binary records (label bytes, then 3x32x32 pixels) and the images, channels last."""
    planes = np.random.default_rng(first).integers(0, 256, (len(labels), 3, 32, 32), dtype=np.uint8)
    raw = b"".join(bytes(label) + plane.tobytes() for label, plane in zip(labels, planes, strict=True))
    return raw, planes.transpose(0, 2, 3, 1)


def write_archive(path: Path, files: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def accept_archive(patch: pytest.MonkeyPatch, builder_class: Any, archive: Path) -> None:
    from tensorflow_datasets.core.download.checksums import UrlInfo

    (url,) = builder_class.url_infos
    info = UrlInfo(size=archive.stat().st_size, checksum=sha256_of_file(archive), filename=archive.name)
    patch.setattr(builder_class, "url_infos", {url: info})


@pytest.fixture
def manual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KZOO_CACHE", str(tmp_path))
    monkeypatch.setattr("tensorflow_datasets.core.constants.DATA_DIR", str(tmp_path / "elsewhere"))
    return tmp_path / "datasets" / "downloads" / "manual"


def test_cifar10_from_an_archive_placed_by_hand(manual: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorflow_datasets.image_classification import Cifar10

    folder = "cifar-10-batches-bin"
    files = {f"{folder}/batches.meta.txt": ("\n".join(CIFAR10_CLASSES) + "\n\n").encode()}
    for batch in range(1, 6):
        files[f"{folder}/data_batch_{batch}.bin"] = records([[batch], [batch + 1]], batch)[0]
    files[f"{folder}/test_batch.bin"], images = records([[9], [0], [4]], 9)
    write_archive(manual / "cifar-10-binary.tar.gz", files)
    accept_archive(monkeypatch, Cifar10, manual / "cifar-10-binary.tar.gz")

    source = open_source("cifar10")
    assert source.classes == tuple(CIFAR10_CLASSES)
    assert {name: split.examples for name, split in source.splits.items()} == {"train": 10, "test": 3}
    test = source.arrays("test", image_size=None)
    order = np.argsort(test["id"])
    assert test["id"][order].tolist() == ["test_00000", "test_00001", "test_00002"]
    assert test["label"][order].tolist() == [9, 0, 4]
    np.testing.assert_array_equal(test["image"][order], images)
    train = source.arrays("train", image_size=(16, 16))
    assert train["image"].shape == (10, 16, 16, 3)
    assert sorted(train["label"].tolist()) == [1, 2, 2, 3, 3, 4, 4, 5, 5, 6]
    again = open_source("cifar10", build=False)
    assert again.fingerprint == source.fingerprint
    assert again.arrays("train", image_size=None)["id"].tolist() == train["id"].tolist()


def test_cifar100_is_read_by_its_fine_classes(manual: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorflow_datasets.image_classification import Cifar100

    folder = "cifar-100-binary"
    fine = [f"fine {index:02}" for index in range(100)]
    coarse = [f"coarse {index:02}" for index in range(20)]
    files = {
        f"{folder}/fine_label_names.txt": "\n".join(fine).encode(),
        f"{folder}/coarse_label_names.txt": "\n".join(coarse).encode(),
        f"{folder}/train.bin": records([[3, 70], [4, 71]], 0)[0],
        f"{folder}/test.bin": records([[19, 99]], 1)[0],
    }
    write_archive(manual / "cifar-100-binary.tar.gz", files)
    accept_archive(monkeypatch, Cifar100, manual / "cifar-100-binary.tar.gz")
    source = open_source("cifar100")
    assert source.classes == tuple(fine)
    assert sorted(source.arrays("train", image_size=None)["label"].tolist()) == [70, 71]


def test_another_archive_is_refused(manual: Path) -> None:
    write_archive(manual / "cifar-10-binary.tar.gz", {"cifar-10-batches-bin/test_batch.bin": b"other"})
    with pytest.raises(DataError, match="wrong checksum") as caught:
        open_source("cifar10")
    assert str(manual / "cifar-10-binary.tar.gz") in str(caught.value)


OPEN = """
from kzoo.data.sources import open_source
from kzoo.errors import DataError
try:
    open_source({name!r}, build={build})
except DataError as error:
    print(error)
"""


@pytest.mark.parametrize(("name", "build"), [("cifar10", True), ("cifar100", True), ("cifar10", False)])
def test_without_data_and_network(tmp_path: Path, name: str, build: bool) -> None:
    nobody_listens = "http://127.0.0.1:9"
    environment = os.environ | {
        "KZOO_CACHE": str(tmp_path / "cache"),
        "TFDS_DATA_DIR": str(tmp_path / "tfds"),
        "HOME": str(tmp_path),
        "HTTPS_PROXY": nobody_listens,
        "https_proxy": nobody_listens,
        "NO_PROXY": "",
        "no_proxy": "",
    }
    opened = subprocess.run(
        [sys.executable, "-c", OPEN.format(name=name, build=build)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    archive = f"{name.replace('cifar', 'cifar-')}-binary.tar.gz"
    assert opened.stdout.startswith(f"{name} is not in {tmp_path / 'cache'}")
    assert f"https://www.cs.toronto.edu/~kriz/{archive}" in opened.stdout
    assert f"to {tmp_path / 'cache' / 'datasets' / 'downloads' / 'manual' / archive}" in opened.stdout
    assert ("cannot be prepared from" in opened.stdout) == build
