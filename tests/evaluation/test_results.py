from __future__ import annotations

from pathlib import Path

import pytest

from kzoo.data.folder_source import FolderSource
from kzoo.data.sources import Split
from kzoo.errors import UnknownNameError, UsageError
from kzoo.evaluation.evaluate import Evaluation
from kzoo.evaluation.report import csv_text, notes, run_lines, sections, summary_lines
from kzoo.evaluation.results import FAILED, HELD, UNDECIDED, Report, RunResult, summarize
from kzoo.evaluation.tables import TABLES, TableDefinition, TableRow, find_table


def source(name: str) -> FolderSource:
    return FolderSource(
        name=name,
        classes=("a", "b"),
        splits={"test": Split("test", 4)},
        fingerprint="f" * 64,
        licence="none",
        source="none",
        folder=Path(name),
        files={},
    )


def result(system: str, seed: int, error: float) -> RunResult:
    evaluation = Evaluation(
        model=system,
        data="cifar10",
        fingerprint="f" * 64,
        split="test",
        weights="final",
        weights_sha256="0" * 64,
        examples=4,
        metrics={"error_percent": error, "majority_accuracy": 0.75},
        accuracy_interval=(0.0, 1.0),
        class_accuracy={"a": 1.0, "b": None},
        confusion=[[4, 0], [0, 0]],
    )
    return RunResult(
        row=system,
        system=system,
        seed=seed,
        folders=(Path(system),),
        evaluation=evaluation,
        steps=10,
        recipe_name="cifar10",
        recipe_sha256="1" * 64,
        environment={"keras": "3.15"},
    )


def report(errors: dict[str, list[float]], data: str = "cifar10") -> Report:
    runs = [result(name, seed, error) for name, row in errors.items() for seed, error in enumerate(row)]
    table = TABLES["2.2"]
    rows = [row for row in table.rows if row.name in errors]
    return summarize(table, source(data), rows, runs, ["cfn_a seed 9 broke"])


def test_orderings_by_the_paired_interval() -> None:
    found = report(
        {
            "cnn_a": [20.0, 30.0, 40.0],
            "cnn_sum_a": [18.0, 28.1, 38.2],
            "cnn_conv_a": [19.0, 29.1, 39.0],
            "cfn_a": [18.0, 30.1, 38.5],
        }
    )
    verdicts = {(one.better, one.worse): one.verdict for one in found.orderings}
    assert verdicts == {
        ("cnn_sum_a", "cnn_a"): HELD,
        ("cnn_conv_a", "cnn_sum_a"): FAILED,
        ("cfn_a", "cnn_conv_a"): UNDECIDED,
        ("cfn_a", "cnn_a"): UNDECIDED,
    }


def test_differences_pair_the_seeds_that_both_have() -> None:
    found = report({"cnn_a": [20.0, 30.0], "cfn_a": [18.0, 29.0, 70.0]})
    cnn, cfn = found.rows
    assert cnn.difference is None
    assert cfn.difference is not None
    assert cfn.difference.value == -1.5
    assert cfn.means["error_percent"].value == 39.0
    (ordering,) = found.orderings
    assert (ordering.better, ordering.worse, ordering.seeds) == ("cfn_a", "cnn_a", 2)


def test_one_seed_decides_nothing_and_a_row_may_be_empty() -> None:
    assert report({"cnn_a": [20.0], "cfn_a": [1.0]}).orderings[0].verdict == UNDECIDED
    empty = report({"cnn_a": [20.0], "cfn_a": []})
    assert empty.rows[1].means == {}
    assert empty.orderings[0].verdict == UNDECIDED
    assert sections(empty)[0][2][1][:4] == ["cfn_a", "0", "", ""]


def test_the_thesis_stands_beside() -> None:
    title, headings, cells = sections(report({"cnn_a": [20.0, 21.0], "cfn_a": [18.0, 19.0]}))[0]
    assert title == "Table 2.2 on cifar10"
    assert headings[-1] == "thesis CIFAR-10"
    assert [line[-1] for line in cells] == ["15.57", "14.73"]
    elsewhere = report({"cnn_a": [20.0]}, data="house/emoji")
    assert sections(elsewhere)[0][1][-2:] == ["thesis CIFAR-10", "thesis CIFAR-100"]
    assert any("no numbers on this data" in note for note in notes(elsewhere))


def test_lines_of_the_csv_files() -> None:
    found = report({"cnn_a": [20.0], "cfn_a": [18.0]})
    line = run_lines(found)[1]
    assert (line["system"], line["seed"], line["error_percent"], line["keras"]) == ("cfn_a", 0, "18", "3.15")
    summary = summary_lines(found)[1]
    assert (summary["difference"], summary["difference_low"], summary["thesis CIFAR-10"]) == (
        "-2.0000",
        "",
        14.73,
    )
    text = csv_text([{"a": 1}, {"a": 2, "b": "x,y"}])
    assert text == 'a,b\n1,\n2,"x,y"\n'


def test_what_failed_is_said() -> None:
    assert notes(report({"cnn_a": [20.0]}))[-1] == "FAILED, not in the table: cfn_a seed 9 broke"


def test_tables_by_name_and_rows_by_pattern() -> None:
    table = find_table("table-2.2")
    assert table is find_table("2.2")
    assert [row.name for row in table.select("*_a")] == ["cnn_a", "cnn_sum_a", "cnn_conv_a", "cfn_a"]
    assert len(table.select(None)) == 8
    with pytest.raises(UsageError, match=r"no row of table 2\.2 matches 'vgg'"):
        table.select("vgg")
    with pytest.raises(UnknownNameError, match=r"did you mean table-2\.2"):
        find_table("table-2.22")


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_table_is_of_registered_systems_with_published_numbers(table: TableDefinition) -> None:
    rows = {row.name: row for row in table.rows}
    metrics = {measure.metric for measure in table.measures}
    for row in table.rows:
        published = table.published(row, "cifar10")
        assert published, row.name
        assert bool({one.metric for one in published} & metrics) != table.own_measures, row.name
    assert set(table.baselines) | set(table.baselines.values()) <= set(rows)
    for better, worse in table.orderings:
        assert _says_better(table, rows[better], rows[worse]), (better, worse)


def _says_better(table: TableDefinition, better: TableRow, worse: TableRow) -> bool:
    """Return whether the sum of the thesis's numbers orders the rows as the table says."""
    sums = [sum(one.value for one in table.published(row, "cifar10")) for row in (better, worse)]
    higher_is_better = table.own_measures or table.measures[0].higher_is_better
    return sums[0] > sums[1] if higher_is_better else sums[0] < sums[1]
