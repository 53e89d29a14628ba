"""The boundary benchmark: matching against a dense solver, counts by hand, and a published curve."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from scipy import ndimage
from scipy.io import savemat
from scipy.optimize import linear_sum_assignment
from skimage import color, data, filters

from kzoo.errors import DataError, UsageError
from kzoo.metrics import boundaries
from kzoo.metrics.boundaries import Counts, Curve

CURVE = Path(__file__).with_name("rds_bsds500_curve.txt")
masks = arrays.arrays(np.bool_, (7, 8))


def dense_optimum(predicted: np.ndarray, annotated: np.ndarray, max_distance: float) -> tuple[int, int]:
    """Solve the public benchmark's own problem: 100 times the greatest distance for what is left over."""
    left, right = np.argwhere(predicted), np.argwhere(annotated)
    distance = np.hypot(*(left[:, None] - right[None]).transpose(2, 0, 1))
    hundredths = np.rint(100 * distance)
    outlier = np.ceil(100 * 100 * max(max_distance, 1))
    size = len(left) + len(right)
    cost = np.full((size, size), outlier)
    near = distance <= max_distance
    cost[: len(left), : len(right)] = np.where(near, hundredths, 10 * size * outlier)
    first, second = linear_sum_assignment(cost)
    real = (first < len(left)) & (second < len(right))
    return int(real.sum()), int(cost[first[real], second[real]].sum())


@given(predicted=masks, annotated=masks, max_distance=st.sampled_from([0, 1, 1.5, 2.3, 3]))
def test_matching_is_the_optimum_of_the_public_problem(
    predicted: np.ndarray, annotated: np.ndarray, max_distance: float
) -> None:
    pairs = boundaries.match_pixels(predicted, annotated, max_distance)
    assert (len(pairs), pairs.cost) == dense_optimum(predicted, annotated, max_distance)
    assert len(set(pairs.predicted)) == len(set(pairs.annotated)) == len(pairs)
    assert predicted.ravel()[pairs.predicted].all()
    assert annotated.ravel()[pairs.annotated].all()
    apart = np.subtract(*(np.unravel_index(one, (7, 8)) for one in (pairs.predicted, pairs.annotated)))
    distances = np.hypot(*apart)
    assert (distances <= max_distance).all()
    assert np.rint(100 * distances).sum() == pairs.cost


def edges_of_photograph() -> tuple[np.ndarray, np.ndarray]:
    grey = color.rgb2gray(data.astronaut())[20:150, 150:300]
    moved = np.roll(ndimage.gaussian_filter(grey, 1), (1, 2), (0, 1))
    return filters.sobel(grey), filters.sobel(moved)


@pytest.mark.parametrize("threshold", [0.02, 0.06, 0.12])
def test_matching_of_edges_in_a_photograph_is_the_dense_optimum(threshold: float) -> None:
    first, second = edges_of_photograph()
    predicted, annotated = boundaries.thin(second > threshold), boundaries.thin(first > 0.1)
    pairs = boundaries.match_pixels(predicted, annotated, 3.5)
    assert len(pairs) > 300
    assert (len(pairs), pairs.cost) == dense_optimum(predicted, annotated, 3.5)


def test_where_a_long_chain_would_have_to_move_the_greatest_number_of_pairs_counts() -> None:
    # 400 pixels a step of 1 aside: 400 pairs, where the public sum prefers 399 at no distance from 398 on.
    predicted = np.zeros((1, 402), np.bool_)
    annotated = predicted.copy()
    predicted[0, :400] = annotated[0, 1:401] = True
    assert len(boundaries.match_pixels(predicted, annotated, 1.0)) == 400
    assert dense_optimum(predicted, annotated, 1.0)[0] == 399


def test_counts_of_two_annotators_by_hand() -> None:
    edges = np.zeros((30, 40))
    edges[5, 10:20] = 0.9
    edges[20, 10:16] = 0.4
    near, far = np.zeros((30, 40), np.bool_), np.zeros((30, 40), np.bool_)
    near[6, 10:20] = True
    far[20, 10:16] = far[28, 0:4] = True
    counts = boundaries.count_image(edges, [near, far], 0.02, np.array([0.3, 0.5, 0.95]))
    assert counts.table().tolist() == [[16, 20, 16, 16], [10, 20, 10, 10], [0, 20, 0, 0]]


def test_a_pixel_that_two_annotators_marked_is_right_once_and_found_twice() -> None:
    edges = np.zeros((9, 9))
    edges[4, 2:6] = 1.0
    counts = boundaries.count_image(edges, [edges > 0, edges > 0], 0.01, np.array([0.5]))
    assert counts.table().tolist() == [[8, 8, 4, 4]]


def counts_of(rows: list[tuple[int, int, int, int]]) -> Counts:
    return Counts(*np.array(rows, np.int64).T)


def test_each_image_at_its_own_threshold_and_all_at_one() -> None:
    first = counts_of([(8, 10, 8, 10), (2, 10, 2, 2)])
    second = counts_of([(4, 10, 4, 20), (6, 10, 6, 8)])
    result = boundaries.summarize([first, second], np.array([0.25, 0.75]))
    assert result.counts.table().tolist() == [[12, 20, 12, 30], [8, 20, 8, 10]]
    assert result.ois == pytest.approx((14 / 20, 14 / 18, 28 / 38))
    assert [point.threshold for point in result.images] == pytest.approx([0.25, 0.75])
    shares = np.linspace(0, 1, 100)
    recall, precision = 0.6 - 0.2 * shares, 0.4 + 0.4 * shares
    assert result.ods.f == pytest.approx(np.max(2 * recall * precision / (recall + precision)))


def test_average_precision_is_interpolated_and_nothing_outside() -> None:
    curve = Curve(np.array([0.2, 0.5, 0.8]), np.array([0.5, 0.25, 0.0]), np.array([0.5, 1.0, 1.0]))
    rising = sum(1.0 for _ in range(26)) + sum(1 - 0.02 * step for step in range(1, 26))
    assert curve.average_precision() == pytest.approx(rising / 100)
    assert Curve(np.array([0.5]), np.array([0.5]), np.array([0.5])).average_precision() == 0


def test_published_curve_gives_its_own_figures() -> None:
    curve = boundaries.read_curve(CURVE)
    best = curve.best()
    assert (best.f, best.threshold) == pytest.approx((0.791568, 0.346768), abs=1e-6)
    assert (best.recall, best.precision) == pytest.approx((0.781979, 0.801395), abs=1e-6)
    assert curve.average_precision() == pytest.approx(0.817689, abs=2e-6)


def test_command_prints_the_figures_of_a_curve(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "kzoo.metrics.boundaries", "--curve"]
    ended = subprocess.run([*command, CURVE], capture_output=True, text=True, check=True)
    assert ended.stdout.startswith("ODS 0.7916 at threshold 0.3468 ")
    assert ended.stdout.endswith("AP  0.8177\n")
    (tmp_path / "bad").write_text("0.1 0.5\n")
    ended = subprocess.run([*command, tmp_path / "bad"], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (3, "")
    assert "expected threshold, recall and precision" in ended.stderr


def test_two_processes_count_as_one_does() -> None:
    soft, other = edges_of_photograph()
    predictions = [soft[:40, :50], other[:40, :50], soft[40:70, 20:90]]
    annotations = [[boundaries.thin(one > 0.1), boundaries.thin(one > 0.15)] for one in predictions]
    levels = np.array([0.1, 0.2, 0.3])
    alone = boundaries.evaluate(predictions, annotations, 0.02, thresholds=levels)
    shared = boundaries.evaluate(predictions, annotations, 0.02, thresholds=levels, processes=2)
    assert alone.as_json() == shared.as_json()
    assert alone.metrics()["ods"] > 0.9


def test_suppression_leaves_the_ridge_of_a_soft_edge_and_thinning_one_pixel() -> None:
    rows, columns = np.mgrid[:60, :60]
    soft = np.exp(-(((rows - 0.5 * columns - 15) / 3) ** 2))
    kept = boundaries.non_maximum_suppression(soft) > 0.3
    inside = kept[:, 10:50]
    assert (np.abs(np.argwhere(inside) @ [1, -0.5] - 20) <= 1.5).all()
    assert set(boundaries.thin(inside).sum(axis=0)) == {1}
    assert not boundaries.non_maximum_suppression(soft)[:, 0].any()
    thick = np.zeros((12, 20), np.bool_)
    thick[4:7, 3:17] = True
    assert boundaries.thin(thick).sum(axis=0).max() == 1


@pytest.mark.parametrize(
    ("edges", "annotators", "message"),
    [
        (
            np.full((4, 5), 1.5),
            [np.zeros((4, 5), np.bool_)],
            "goes from 1.5 to 1.5; expected values from 0 to 1",
        ),
        (np.full((4, 5), np.nan), [np.zeros((4, 5), np.bool_)], "is NaN at 20 of 20 pixels"),
        (np.zeros((4, 5), np.uint8), [np.zeros((4, 5), np.bool_)], "holds uint8; expected floats"),
        (np.zeros((4, 5, 3)), [np.zeros((4, 5), np.bool_)], "shape (4, 5, 3); expected (height, width)"),
        (np.zeros((4, 5)), [np.zeros((5, 4), np.bool_)], "is (4, 5), its annotation 1 is (5, 4)"),
        (np.zeros((4, 5)), [np.full((4, 5), 2)], "holds other values than 0 and 1"),
        (np.zeros((4, 5)), [], "has no annotations"),
    ],
)
def test_bad_maps_are_named(edges: np.ndarray, annotators: list[np.ndarray], message: str) -> None:
    with pytest.raises(DataError) as raised:
        boundaries.evaluate([edges], [annotators])
    assert message in str(raised.value)
    assert "edge map 0" in str(raised.value)


def test_arguments_out_of_range() -> None:
    empty = np.zeros((4, 5), np.bool_)
    with pytest.raises(UsageError, match="received 0 maps"):
        boundaries.evaluate([], [])
    with pytest.raises(UsageError, match="distance between 0 and 1 of the diagonal; received 4"):
        boundaries.evaluate([empty], [[empty]], 4.0)
    with pytest.raises(UsageError, match="1 process or more; received 0"):
        boundaries.evaluate([empty], [[empty]], processes=0)
    with pytest.raises(UsageError, match="cannot be matched"):
        boundaries.match_pixels(empty, empty.T, 1.0)
    with pytest.raises(UsageError, match="rising thresholds"):
        boundaries.evaluate([empty], [[empty]], thresholds=np.array([0.5, 0.4]))


def test_folders_are_measured_as_arrays_are_and_the_curve_is_drawn(tmp_path: Path) -> None:
    soft, other = (np.round(one[:60, :70] / one.max() * 255) / 255 for one in edges_of_photograph())
    truths = [boundaries.thin(one > 0.3) for one in (soft, other)]
    (tmp_path / "maps").mkdir()
    (tmp_path / "truth").mkdir()
    Image.fromarray((soft * 255).round().astype(np.uint8)).save(tmp_path / "maps" / "a.png")
    np.save(tmp_path / "maps" / "b.npy", other)
    Image.fromarray(truths[0].astype(np.uint8) * 255).save(tmp_path / "truth" / "a.png")
    cell = np.empty((1, 1), object)
    cell[0, 0] = {"Boundaries": truths[1].astype(np.uint8)}
    savemat(tmp_path / "truth" / "b.mat", {"groundTruth": cell})
    levels = np.array([0.25, 0.5, 0.75])
    expected = boundaries.evaluate([soft, other], [[one] for one in truths], 0.02, thresholds=levels)
    given = ["--maps", "maps", "--annotations", "truth", "--max-distance", "0.02", "--thresholds", "3"]
    written = ["--json", "out.json", "--picture", "curve.png", "--processes", "1"]
    command = [sys.executable, "-m", "kzoo.metrics.boundaries", *given, *written]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    ended = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path, env=environment)
    assert f"ODS {expected.ods.f:.4f}" in ended.stdout
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["counts"] == expected.as_json()["counts"]
    with Image.open(tmp_path / "curve.png") as picture:
        assert picture.format == "PNG"
        assert len(picture.getcolors(1 << 20)) > 50
    (tmp_path / "maps" / "b.npy").unlink()
    with pytest.raises(DataError, match=r"b\.mat has no edge map"):
        boundaries.evaluate_folders(tmp_path / "maps", tmp_path / "truth")
    with pytest.raises(DataError, match="there is no annotation"):
        boundaries.evaluate_folders(tmp_path / "maps", tmp_path / "none")
    np.save(tmp_path / "maps" / "b.npy", np.full_like(other, 2.0))
    with pytest.raises(DataError, match=r"b\.npy goes from 2 to 2; expected 0 to 1"):
        boundaries.evaluate_folders(tmp_path / "maps", tmp_path / "truth", 0.02, thresholds=3)
