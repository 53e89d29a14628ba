from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from kzoo.cli import app
from kzoo.data.catalog import OPENERS
from kzoo.data.sources import NAMED_SOURCES, describe_source
from kzoo.errors import UsageError


@pytest.mark.parametrize("name", ["house/emoji_layers", "house/outline_color", "house/people:few"])
def test_a_source_of_any_kind_is_described(name: str) -> None:
    described = json.loads(json.dumps(describe_source(OPENERS[name]())))
    assert described["name"] == name
    assert {"train", "test"} <= set(described["splits"])
    assert len(described["fingerprint"]) == 64
    assert described["licence"]


def test_all_names_are_listed_once() -> None:
    listed = CliRunner().invoke(app, ["data"]).output.split()
    assert listed == [*NAMED_SOURCES, *OPENERS]
    assert len(set(listed)) == len(listed)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["house/people:few", "--sheet", "sheet.png"],
            "--sheet draws labelled images, which house/people:few",
        ),
        (["house/outline_color", "--images", "folder"], "house/outline_color holds neither"),
    ],
)
def test_what_is_not_written(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        CliRunner().invoke(app, ["data", *arguments], catch_exceptions=False)
