"""Tables of chapters 5 to 7: every row is trained as it says, and stands beside the thesis's row."""

from __future__ import annotations

import pytest

from kzoo import registry
from kzoo.evaluation.tables import find_table
from kzoo.evaluation.tables_matching import MATCHING_TABLES

HOUSE = "house_emoji_captions"


@pytest.mark.parametrize("table", [one.table for one in MATCHING_TABLES])
def test_rows_have_printed_numbers_and_runs_of_their_own(table: str) -> None:
    definition = find_table(table)
    for row in definition.rows:
        assert definition.published(row, "house/emoji_captions"), row.name
        for overrides in row.members or (row.overrides,):
            registry.find(row.system).recipes[HOUSE].override(overrides)
    trained = {(row.run_name, row.metric_prefix, row.members) for row in definition.rows}
    assert len(trained) == len(definition.rows)


def test_table_7_5_changes_the_batch_of_every_stage() -> None:
    definition = find_table("7.5")
    sizes = []
    for row in definition.rows:
        recipe = registry.find(row.system).recipes[HOUSE].override(row.overrides)
        stages = {stage.batch_size for _, stage in recipe.in_stages()}
        assert stages == {recipe.batch_size}
        sizes.append(recipe.batch_size)
        printed = {one.row for one in definition.published(row, "mscoco")}
        assert printed == {f"batch size={recipe.batch_size}"}
    assert sizes == [100, 250, 500, 1000, 1500, 2000]
