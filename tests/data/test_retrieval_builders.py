"""Holidays, UKBench and Paris on small fakes of their true layouts."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import tensorflow_datasets as tfds
from on_fakes import OnFakes
from PIL import Image

from kzoo.data.builders.holidays import Holidays
from kzoo.data.builders.paris6k import Paris6k
from kzoo.data.builders.ukbench import Ukbench
from kzoo.errors import DataError


def write_jpeg(path: Path, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 30, 3), np.uint8)
    Image.fromarray(pixels).save(path)


def fake_holidays(folder: Path) -> None:
    for number in (100000, 100001, 100002, 100100, 100101):
        write_jpeg(folder / "jpg" / f"{number}.jpg", number)


def fake_ukbench(folder: Path) -> None:
    for number in range(8):
        write_jpeg(folder / "full" / f"ukbench{number:05d}.jpg", number)


def fake_paris(folder: Path) -> None:
    names = [f"paris_{landmark}_{number:06d}" for landmark in ("defense", "eiffel") for number in (1, 2, 3)]
    for number, name in enumerate(names):
        write_jpeg(folder / "paris" / name.split("_")[1] / f"{name}.jpg", number)
    truth = folder / "paris_120310"
    truth.mkdir()
    (truth / "defense_1_query.txt").write_text("paris_defense_000001 1.5 2 20 18.5\n")
    (truth / "defense_1_good.txt").write_text("paris_defense_000001\n")
    (truth / "defense_1_ok.txt").write_text("paris_defense_000002\n")
    (truth / "defense_1_junk.txt").write_text("paris_defense_000003\nparis_eiffel_000001\n")


SIZES = {Holidays: {"IMAGES": 5}, Ukbench: {"IMAGES": 8}, Paris6k: {"IMAGES": 6, "QUERIES": 1}}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for builder, sizes in SIZES.items():
        for name, value in sizes.items():
            monkeypatch.setattr(builder, name, value)


class HolidaysTest(OnFakes, tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Holidays
    SPLITS: ClassVar = {"test": 5}
    FAKE = staticmethod(fake_holidays)


class UkbenchTest(OnFakes, tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Ukbench
    SPLITS: ClassVar = {"test": 8}
    FAKE = staticmethod(fake_ukbench)


class ParisTest(OnFakes, tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Paris6k
    SPLITS: ClassVar = {"gallery": 6, "queries": 1}
    FAKE = staticmethod(fake_paris)


def prepared(builder_class: type, manual: Path, place: Path) -> dict[str, list[dict[str, Any]]]:
    builder = builder_class(data_dir=place)
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=str(manual)))
    return {split: list(tfds.as_numpy(builder.as_dataset(split=split))) for split in builder.info.splits}


def test_groups_and_queries(tmp_path: Path) -> None:
    fake_holidays(tmp_path / "h")
    fake_ukbench(tmp_path / "u")
    photographs = prepared(Holidays, tmp_path / "h", tmp_path)["test"]
    assert sorted((one["name"], int(one["group"]), bool(one["query"])) for one in photographs) == [
        (b"100000", 1000, True),
        (b"100001", 1000, False),
        (b"100002", 1000, False),
        (b"100100", 1001, True),
        (b"100101", 1001, False),
    ]
    objects = prepared(Ukbench, tmp_path / "u", tmp_path)["test"]
    assert sorted(int(one["group"]) for one in objects) == [0] * 4 + [1] * 4


def test_queries_of_paris(tmp_path: Path) -> None:
    manual = tmp_path / "manual"
    manual.mkdir()
    fake_paris(manual)
    (query,) = prepared(Paris6k, manual, tmp_path)["queries"]
    assert query["query"] == b"defense_1"
    np.testing.assert_array_equal(query["box"], [1.5, 2, 20, 18.5])
    assert [list(query[label]) for label in ("good", "ok", "junk")] == [
        [b"paris_defense_000001"],
        [b"paris_defense_000002"],
        [b"paris_defense_000003", b"paris_eiffel_000001"],
    ]


def test_files_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manual = tmp_path / "manual"
    (manual / "jpg1.tar.gz").mkdir(parents=True)
    with pytest.raises(DataError, match=r"there is no folder .*jpg; Download jpg1\.tar\.gz"):
        prepared(Holidays, manual, tmp_path / "a")
    fake_holidays(manual)
    monkeypatch.setattr(Holidays, "IMAGES", 1491)
    with pytest.raises(DataError, match="has 5 of 1491 images"):
        prepared(Holidays, manual, tmp_path / "b")
    monkeypatch.setattr(Holidays, "IMAGES", 5)
    broken = manual / "jpg" / "100002.jpg"
    broken.write_bytes(broken.read_bytes()[:200])
    with pytest.raises(DataError, match=r"100002\.jpg cannot be decoded"):
        prepared(Holidays, manual, tmp_path / "c")
    broken.rename(broken.with_name("a.jpg"))
    write_jpeg(manual / "jpg" / "a.jpg")
    with pytest.raises(DataError, match=r"a\.jpg is no photograph of Holidays"):
        prepared(Holidays, manual, tmp_path / "d")


def test_ground_truth_that_does_not_fit(tmp_path: Path) -> None:
    fake_paris(manual := tmp_path)
    truth = manual / "paris_120310"
    (truth / "defense_1_ok.txt").write_text("paris_defense_000009\n")
    with pytest.raises(DataError, match="labels paris_defense_000009 for defense_1"):
        prepared(Paris6k, manual, tmp_path / "a")
    (truth / "defense_1_ok.txt").unlink()
    with pytest.raises(DataError, match=r"cannot read .*defense_1_ok\.txt"):
        prepared(Paris6k, manual, tmp_path / "b")
    (truth / "defense_1_query.txt").write_text("paris_defense_000001 1 2 x 4")
    with pytest.raises(DataError, match="a name and four numbers"):
        prepared(Paris6k, manual, tmp_path / "c")
    (truth / "defense_1_query.txt").unlink()
    with pytest.raises(DataError, match="has 0 of 1 queries"):
        prepared(Paris6k, manual, tmp_path / "d")
