"""The API reference: all that is public is on its room's page, and docstrings come out as Markdown."""

from __future__ import annotations

import pytest
from docs_api import PACKAGE, ROOMS, markdown_of, public_names, room_page


@pytest.mark.parametrize("room", ROOMS)
def test_a_page_has_all_that_its_room_makes_public(room: str) -> None:
    page = room_page(room)
    folder = PACKAGE if room == "kzoo" else PACKAGE / room
    paths = folder.glob("*.py") if room == "kzoo" else folder.rglob("*.py")
    modules = {path: public_names(path) for path in paths if path.name != "__main__.py"}
    assert any(modules.values())
    for path, names in modules.items():
        owner = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        assert [name for name in names if f"### {name} {{#{owner}.{name}}}" not in page] == []


def test_every_room_that_others_import_has_a_page() -> None:
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms - {"cli"} == set(ROOMS) - {"kzoo"}


def test_a_docstring_becomes_markdown() -> None:
    docstring = """Return a * b, of `x_y`.

Folder:
    a/b.txt     a file

Args:
    first, second: numbers [0, 1],
        in order.
    *rest: more.

Raises:
    UsageError: if x < 0.
"""
    assert markdown_of(docstring) == (
        "Return a \\* b, of `x_y`.\n\nFolder:\n\n    a/b.txt     a file\n\n**Args:**\n\n"
        "- `first, second`: numbers \\[0, 1\\],\n  in order.\n- `*rest`: more.\n\n**Raises:**\n\n"
        "- `UsageError`: if x \\< 0."
    )


def test_a_long_signature_has_a_line_an_argument() -> None:
    signature = "def verify(\n    model: keras.Model,\n    signatures: Mapping[str, Signature],\n"
    assert f"```python\n{signature}" in room_page("export")
