"""The tables of chapter 4: splits without a leak, settings, and what is written."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from kzoo.errors import UnknownNameError, UsageError
from kzoo.evaluation import deepindex_tables as tables
from kzoo.systems.deepindex.vectors import unit_length

GROUPS, EACH = 12, 6


def split(seed: int = 0) -> tables.Split:
    generator = np.random.default_rng(0)
    shared = np.repeat(generator.normal(size=(GROUPS, 14, 8)), EACH, axis=0)
    features = {
        name: unit_length(shared + generator.normal(0, 0.1, shared.shape)) for name in tables.NAMES.values()
    }
    return tables.Split(features, np.repeat(np.arange(GROUPS), EACH), seed, words=20)


def test_a_gallery_is_half_of_the_groups() -> None:
    found = split()
    assert len(found.groups) == GROUPS * EACH // 2
    patches, codebook = found.prepared("hed 5", 4)
    assert patches.shape == (36, 14, 4)
    assert codebook.centres.shape == (20, 4)


def test_methods_agree_and_find_the_groups() -> None:
    found = split()
    results = [
        found.measure("voting", (("hed 5", "lite0 top"), 0, 3, 8.0, "log", method))
        for method in ("reference", "words")
    ]
    first, second = ((one.mean_average_precision, one.n_s) for one in results)
    assert first == second
    assert first[0] > 99
    assert first[1] == 4.0


def test_planned_settings_are_all_different() -> None:
    planned = list(tables.planned())
    assert len(set(planned)) == len(planned) == 80 + 20 + 20 + 12


def test_tables_and_data_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown table 'table-4\.9'"):
        tables.reproduce("table-4.9", "house/skin_tones", seeds=1, results_folder=tmp_path)
    with pytest.raises(UsageError, match="measured on house/skin_tones; received 'cifar10'"):
        tables.reproduce("4.1", "cifar10", seeds=1, results_folder=tmp_path)


def test_what_is_written() -> None:
    runs = [
        split(seed).measure("4.1", (("hed 5",), 0, assignments, 0.0, "ratio", "words"))
        for seed in range(2)
        for assignments in (1, 3)
    ]
    rows = list(csv.DictReader(io.StringIO(tables.as_csv(runs))))
    assert [(row["features"], row["assignments"], row["seed"]) for row in rows] == [
        ("hed 5", "1", "0"),
        ("hed 5", "3", "0"),
        ("hed 5", "1", "1"),
        ("hed 5", "3", "1"),
    ]
    lines = tables.as_markdown(runs).splitlines()
    mean = np.mean([one.mean_average_precision for one in runs if one.assignments == 1])
    assert lines[2] == "## 4.1"
    assert lines[6].startswith(f"| hed 5 | none | 1 | 0.0 | ratio | words | {mean:.2f} ± ")
    assert len([line for line in lines if line.startswith("| hed 5")]) == 2
