from __future__ import annotations

from pathlib import Path

import pytest

from kzoo.errors import RunError
from kzoo.evaluation.reproduce_all import HOUSE_DATA, NO_HOUSE_DATA, read_outcomes, reproduce_all
from kzoo.evaluation.tables import TABLES

RESULTS = Path(__file__).parents[2] / "results"
HEADING = "table,data,system,seed,error_percent\n"


def write(folder: Path, *lines: str) -> None:
    (folder / "table-2.2-house-emoji.csv").write_text(HEADING + "\n".join(lines) + "\n", encoding="utf-8")


def verdicts(folder: Path) -> dict[tuple[str, str], str]:
    return {
        (one.better, one.worse): one.verdict for table in read_outcomes(folder) for one in table.orderings
    }


def test_every_table_has_house_data_or_a_reason() -> None:
    assert HOUSE_DATA.keys() | NO_HOUSE_DATA.keys() == TABLES.keys()
    assert not HOUSE_DATA.keys() & NO_HOUSE_DATA.keys()


def test_a_difference_of_one_sign_over_seeds_decides(tmp_path: Path) -> None:
    rows = {"cnn_a": (40, 41), "cfn_a": (30, 31.1), "cnn_conv_a": (20, 21)}
    write(tmp_path, *(f"2.2,house/emoji,{name},{s},{v[s]}" for name, v in rows.items() for s in (0, 1)))
    found = verdicts(tmp_path)
    assert found["cfn_a", "cnn_a"] == "held"
    assert found["cfn_a", "cnn_conv_a"] == "failed"
    assert found["cnn_sum_a", "cnn_a"] == "undecided"


def test_one_seed_has_no_verdict(tmp_path: Path) -> None:
    write(tmp_path, "2.2,house/emoji,cnn_a,0,40", "2.2,house/emoji,cfn_a,0,30")
    assert set(verdicts(tmp_path).values()) == {"undecided"}
    text = reproduce_all(results_folder=tmp_path, train=False).with_suffix(".txt").read_text("utf-8")
    assert "no interval" in text
    assert "Table 8.1 (house/outline_color) has no results yet." in text


def test_results_without_the_measure_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "2.2,house/emoji,cnn_a,0,many")
    with pytest.raises(RunError, match="error_percent"):
        read_outcomes(tmp_path)


def test_committed_page_is_what_the_results_say(tmp_path: Path) -> None:
    for path in RESULTS.glob("table-*.csv"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    page = reproduce_all(results_folder=tmp_path, train=False)
    for suffix in (".html", ".txt"):
        assert page.with_suffix(suffix).read_text("utf-8") == (RESULTS / f"reproduction{suffix}").read_text(
            "utf-8"
        ), "kzoo reproduce --all --data house --no-train writes it anew"
