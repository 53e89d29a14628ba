"""Names of files."""

from __future__ import annotations

import pytest

from kzoo.files import data_slug, slug


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("figure 2.7 baseline, as printed (b2 = 0)", "figure-2.7-baseline-as-printed-b2-0"),
        ("figure 2.7 M={1, 3}", "figure-2.7-M-1-3"),
        ("cfn_a", "cfn_a"),
    ],
)
def test_names_as_parts_of_file_names(name: str, expected: str) -> None:
    assert slug(name) == expected


def test_names_of_data_as_parts_of_file_names() -> None:
    assert data_slug("house/emoji") == "house-emoji"
    assert data_slug("house/emoji:subcategories") == "house-emoji-subcategories"
    assert data_slug("/pictures/of/cats/") == "cats"
