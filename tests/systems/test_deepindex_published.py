"""DeepIndex's recipes and the thesis's numbers."""

from __future__ import annotations

from kzoo.systems.deepindex.features import NETWORKS
from kzoo.systems.deepindex.published import published
from kzoo.systems.deepindex.recipes import RECIPES


def test_ten_indexes() -> None:
    assert list(RECIPES) == [
        f"deepindex_{name}" for name in ("6", "7", "17", "18", "6_7", "17_18", "7_17", "6_17", "7_18", "6_18")
    ]
    assert {layer.network for recipe in RECIPES.values() for layer in recipe.features} <= set(NETWORKS)


def test_cells() -> None:
    found = {(one.table, one.row, one.column): one for one in published()}
    assert len(found) == 90 + 18 + 3 + 4 == len(published())
    assert {one.system for one in found.values()} == set(RECIPES)
    best = found["4.1", "DPI 6+18", "Holidays MA=5"]
    assert (best.value, best.metric, best.system) == (82.38, "mean_average_precision", "deepindex_6_18")
    assert found["4.1", "DPI 7+18", "Paris MA=10"].value == 75.35
    assert found["4.1", "DPI 7+18", "UKB MA=5"].value == 3.37
    assert found["4.3", "Ours", "Holidays"].value == found["4.2", "512", "Holidays"].value == 85.65
    assert found["4.4", "Query Time", "2-D DPI"].value == 0.45
