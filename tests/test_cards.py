from __future__ import annotations

import re
import subprocess
import sys

import pytest

import kzoo
from kzoo import registry
from kzoo.cards import markdown_table
from kzoo.errors import UnknownNameError


@pytest.mark.parametrize("name", registry.names())
def test_a_card_shows_what_the_registry_knows(name: str) -> None:
    system = registry.find(name)
    card = kzoo.card(name)
    assert card.startswith(f"# {name}\n")
    assert f"{system.parameters:,} with the default options" in card
    for one in system.published:
        assert f"| {one.table} | {one.row} | {one.column} | {one.data} | {one.metric} | {one.value} |" in card
    for recipe in system.recipes:
        assert f"| `{recipe}` |" in card
    assert system.card_text.read_text(encoding="utf-8").strip() in card


def test_the_parameter_table_of_cfn_is_that_of_the_networks() -> None:
    text = registry.find("cfn_a").card_text.read_text(encoding="utf-8")
    prefixes = ("cnn_", "cnn_sum_", "cnn_conv_", "cfn_")
    for row, base, options in (
        ("A, 10 classes", "a", {}),
        ("B, 10 classes", "b", {}),
        ("B, 100 classes", "b", {**registry.find("cfn_b").recipe("cifar100").options, "classes": 100}),
    ):
        cells = re.search(rf"\| {row} \| (.*) \|", text)[1].split(" | ")
        plain, sides, *fused = (int(cell.replace(",", "")) for cell in cells)
        counts = [registry.find(prefix + base).build(**options).count_params() for prefix in prefixes]
        assert [plain, *fused] == counts
        assert sides == counts[1] - counts[0]


def test_an_unknown_card_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean cfn_a"):
        kzoo.card("cfn_aa")


def test_cards_need_no_tensorflow() -> None:
    loaded = "not {'tensorflow', 'keras'}.isdisjoint(sys.modules)"
    code = f"import sys, kzoo; kzoo.card('cfn_a'); sys.exit({loaded})"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_bars_in_cells_are_escaped() -> None:
    assert markdown_table(("a",), [("x|y",)]) == "| a |\n| --- |\n| x\\|y |"
