"""Versions in the folder that servers poll: whole or absent, with their index, numbered and retired."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from kzoo import registry
from kzoo.errors import KzooError, UsageError
from kzoo.export import export_model
from kzoo.export.check import check_card
from kzoo.export.requests import Request, write_requests
from kzoo.retrieval import Index
from tfx_pipeline.trial import requests
from tfx_pipeline.versions import LINEAGE_FILE, copy_version, origin_of_served, push, retire, rollback

LINEAGE = {"spans": ["span-1"]}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    system = registry.find("cfn_a")
    out = tmp_path_factory.mktemp("exports")
    return export_model(
        system.build(**system.tiny, classes=2), system, classes=("no", "yes"), out=out, quiet=True
    )


@pytest.fixture
def index(tmp_path: Path) -> Path:
    built = Index.build(np.eye(3, dtype="f4"), ["a", "b", "c"], model="cfn_a", model_version="1")
    built.save(tmp_path / "built")
    return tmp_path / "built"


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_versions_ascend_and_carry_index_and_lineage(exported: Path, index: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cfn_a"
    assert [push(exported, folder, LINEAGE, index) for _ in range(2)] == [1, 2]
    assert check_card(folder / "2").version == 2
    assert len(Index.load(folder / "2" / "index", "cfn_a", "2")) == 3
    assert json.loads((folder / "2" / LINEAGE_FILE).read_text()) == {**LINEAGE, "version": 2}


def test_going_back_copies_index_and_origin(exported: Path, index: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cfn_a"
    assert origin_of_served(folder) is None
    for _ in range(2):
        push(exported, folder, LINEAGE, index)
    assert origin_of_served(folder) == 2
    assert rollback(folder, 1) == 3
    assert (origin_of_served(folder), check_card(folder / "3").version) == (1, 3)
    assert Index.load(folder / "3" / "index", "cfn_a", "3").ids == ["a", "b", "c"]
    with pytest.raises(UsageError, match=r"version 3 of .* is the one that is served"):
        rollback(folder, 3)


def test_a_full_disk_leaves_what_was_there(exported: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cfn_a"
    push(exported, folder, LINEAGE)
    with (
        pytest.raises(KzooError, match=r"version 2 cannot be written to .*: .*File too large; nothing is"),
        no_file_larger_than(4096),
    ):
        push(exported, folder, LINEAGE)
    with (
        pytest.raises(KzooError, match=r"version 2 cannot be written to .*File too large"),
        no_file_larger_than(4096),
    ):
        copy_version(folder, 1)
    assert names(folder) == ["1"]


def test_only_the_newest_stay(exported: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cfn_a"
    for _ in range(3):
        push(exported, folder, LINEAGE)
    assert retire(folder, 0) == []
    assert retire(folder, 2) == [1]
    left, fresh = folder / ".4.abc.part", folder / ".4.def.part"
    for path in (left, fresh, folder / ".1.retired"):
        path.mkdir()
    os.utime(left, (0, 0))
    retire(folder, 2)
    assert names(folder) == [".4.def.part", "2", "3"]


def test_a_server_is_asked_with_images_of_the_span_which_the_version_keeps(
    exported: Path, tmp_path: Path
) -> None:
    asked = requests(exported, {"image_bytes": [b"first", b"second"], "text": []})
    assert images_of(asked) == [b"first", b"second", b"first"]
    write_requests(tmp_path / "warm-up", "cfn_a", asked)
    version = push(exported, tmp_path / "cfn_a", LINEAGE, warm_up=tmp_path / "warm-up")
    assert images_of(requests(tmp_path / "cfn_a" / str(version), {})) == [b"first", b"second", b"first"]
    assert images_of(requests(exported, {})) != [b"first", b"second", b"first"]
    check_card(tmp_path / "cfn_a" / str(version))


def images_of(asked: list[Request]) -> list[bytes]:
    batches = [one.inputs["image_bytes"] for one in asked if one.signature == "embed"]
    assert [len(batch) for batch in batches] == [1, 8]
    return list(batches[-1][:3])
