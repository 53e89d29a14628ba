"""The tables of chapter 4: splits without a leak, settings, and what is written."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from kzoo.errors import UnknownNameError, UsageError
from kzoo.evaluation import deepindex_comparison as comparison
from kzoo.evaluation import deepindex_rivals as rivals
from kzoo.evaluation import deepindex_tables as tables
from kzoo.evaluation.deepindex_split import NAMES, Split, as_csv
from kzoo.systems.deepindex.vectors import unit_length

GROUPS, EACH = 12, 6


def split(seed: int = 0) -> Split:
    generator = np.random.default_rng(0)
    shared = np.repeat(generator.normal(size=(GROUPS, 14, 8)), EACH, axis=0)
    features = {name: unit_length(shared + generator.normal(0, 0.1, shared.shape)) for name in NAMES.values()}
    return Split(features, np.repeat(np.arange(GROUPS), EACH), seed, words=20)


def test_a_gallery_is_half_of_the_groups() -> None:
    found = split()
    assert len(found.groups) == GROUPS * EACH // 2
    patches, codebook = found.prepared("hed 5", 4)
    assert patches.shape == (36, 14, 4)
    assert codebook.centres.shape == (20, 4)


def test_methods_agree_and_find_the_groups() -> None:
    found = split()
    results = [
        tables.measure(found, "voting", (("hed 5", "lite0 top"), 0, 3, 8.0, "log", method))
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
        tables.measure(split(seed), "4.1", (("hed 5",), 0, assignments, 0.0, "ratio", "words"))
        for seed in range(2)
        for assignments in (1, 3)
    ]
    rows = list(csv.DictReader(io.StringIO(as_csv(runs))))
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


def images() -> comparison.Images:
    """Groups of images that share patches, colours and keypoints."""
    generator = np.random.default_rng(1)
    found = split()
    groups = np.repeat(np.arange(GROUPS), EACH)
    descriptors = [rivals.root_feature(generator.uniform(size=(30, 128))) for _ in range(GROUPS)]
    pictures = [
        np.full((4, 4, 3), 20 * group, np.uint8) if group % 2 else np.zeros((4, 4, 3), np.uint8)
        for group in groups
    ]
    features = {name: found.features[name] for name in comparison.INTRA}
    return comparison.Images(
        features, [descriptors[group] for group in groups], rivals.colour_histograms(pictures), groups
    )


def test_every_method_of_tables_3_and_4_is_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(comparison.Images, "load", images)
    monkeypatch.setattr(comparison, "WORDS", 20)
    text = tables.reproduce("table-4.3", "house/skin_tones", seeds=2, results_folder=tmp_path)
    rows = list(csv.DictReader((tmp_path / "table-4.3-house-skin_tones.csv").open(encoding="utf-8")))
    found = {
        (row["method"], row["seed"]): (float(row["mean_average_precision"]), float(row["n_s"]))
        for row in rows
    }
    assert len(found) == len(rows) == 2 * 9
    for (method, _), (precision, n_s) in found.items():
        if method == "colour histograms":
            assert precision < 90  # half of the groups have one colour
        else:
            assert precision > 99, method
            assert n_s == 4, method
    assert len(text.splitlines()) == 4 + 9
    text = tables.reproduce("4.4", "house/skin_tones", seeds=1, results_folder=tmp_path)
    rows = list(csv.DictReader((tmp_path / "table-4.4-house-skin_tones.csv").open(encoding="utf-8")))
    assert [row["method"].partition(",")[0] for row in rows] == [
        "SIFT words with signatures",
        *["1-D DPI"] * 3,
        *["2-D DPI"] * 3,
    ]
    kilobytes = [float(row["signature_kilobytes"]) for row in rows]
    assert kilobytes == [pytest.approx(size / 1024) for size in (32, 32, 32, 12, 64, 64, 24)]
    assert all(float(row["milliseconds_median"]) > 0 for row in rows)
    assert text.startswith("# Table 4.4 on house/skin_tones")


def test_rivals_by_hand() -> None:
    black_and_white = np.zeros((2, 2, 3), np.uint8)
    black_and_white[0] = 255
    histogram = rivals.colour_histograms([black_and_white])[0]
    assert np.flatnonzero(histogram).tolist() == [0, 511]
    np.testing.assert_allclose(histogram[[0, 511]], 0.5**0.5, rtol=1e-6)
    eye = np.eye(3, dtype=np.float32)
    patches = np.stack([eye[[0, 1]], eye[[2, 2]]])
    np.testing.assert_allclose(rivals.patch_to_patch(patches, eye[None, [0, 2]]), [[0.5, 0.5]])
    assert rivals.root_sift(np.full((32, 32, 3), 200, np.uint8)).shape == (0, 128)
    edges = np.zeros((64, 64, 3), np.uint8)
    edges[20:44, 20:44] = 255
    found = rivals.root_sift(edges)
    assert len(found)
    np.testing.assert_allclose(np.square(found).sum(axis=1), 1, rtol=1e-5)


def test_sift_words_by_hand() -> None:
    words = rivals.Codebook(np.eye(3, 128, dtype=np.float32))
    bags = [words.centres[[0, 0, 1]], words.centres[[1, 2]], np.zeros((0, 128), np.float32)]
    index = rivals.SiftWords.build(words, bags)
    np.testing.assert_allclose(index.weights, np.log([3, 1.5, 3]))
    scores = index.scores(bags)
    first = np.array([2 * np.log(3), np.log(1.5)])
    second = np.array([np.log(1.5), np.log(3)])
    expected = first[1] * second[0] / np.linalg.norm(first) / np.linalg.norm(second)
    np.testing.assert_allclose(scores, [[1, expected, 0], [expected, 1, 0], [0, 0, 0]])
