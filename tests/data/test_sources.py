"""Names of data sources, and what importing the data room costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kzoo.data.sources import NAMED_SOURCES, open_source
from kzoo.errors import DataError, UnknownNameError

ROOT = Path(__file__).parents[2]


SOURCES = "house/emoji, house/emoji:subcategories, house/skin_tones, cifar10, cifar100, imagenet2012"


def test_names() -> None:
    assert NAMED_SOURCES == (
        "house/emoji",
        "house/emoji:subcategories",
        "house/skin_tones",
        "cifar10",
        "cifar100",
        "imagenet2012",
    )


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("house/emoij", "house/emoji"), ("cifar-10", "cifar10"), ("cifar_100", "cifar100"), ("", None)],
)
def test_unknown_name_comes_with_the_nearest(name: str, nearest: str | None) -> None:
    with pytest.raises(UnknownNameError) as caught:
        open_source(name)
    assert repr(name) in str(caught.value)
    assert f"{SOURCES}, or a folder" in str(caught.value)
    if nearest:
        assert nearest in caught.value.nearest


def test_path_without_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no folder .*/pictures"):
        open_source(str(tmp_path / "pictures"))
    (tmp_path / "pictures").write_text("")
    with pytest.raises(DataError, match="/pictures is a file"):
        open_source(str(tmp_path / "pictures"))


def test_importing_sources_imports_no_tensorflow() -> None:
    program = (
        "import sys, kzoo.data.sources, kzoo.data.contact_sheet\n"
        "print(sorted({'tensorflow', 'keras', 'tensorflow_datasets'} & set(sys.modules)))"
    )
    imported = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert imported.stdout == "[]\n"
