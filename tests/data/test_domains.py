from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kzoo.data.domains import LABEL_COLORS, DomainExamples, labels_from_colors, open_domains
from kzoo.data.layers import open_layers
from kzoo.data.unpaired import unpaired_batches
from kzoo.errors import DataError, UnknownNameError, UsageError


def numbered(count: int, size: int = 8) -> np.ndarray:
    """Return pictures whose pixels are their own numbers."""
    return np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, size, size, 3))


def examples(a: int, b: int) -> DomainExamples:
    return DomainExamples(numbered(a), numbered(b), np.arange(max(a, b)).astype(str))


def steps(given: DomainExamples, count: int, first_step: int = 0, **options: Any) -> list[tuple[Any, Any]]:
    """Return the numbers of the pictures of each step."""
    batches = unpaired_batches(given, batch_size=2, seed=3, first_step=first_step, **options).take(count)
    return [
        tuple(
            np.rint((batch[name][:, 0, 0, 0].numpy() + 1) * 127.5).astype(int).tolist() for name in ("a", "b")
        )
        for batch, _ in batches
    ]


def test_both_domains_are_seen_in_orders_of_their_own() -> None:
    found = steps(examples(100, 100), 50)
    a, b = (np.concatenate([one[domain] for one in found]) for domain in (0, 1))
    assert sorted(a) == sorted(b) == list(range(100))
    # Of 100 pairs by chance one is expected to be aligned; more than 6 has a chance below 1e-4.
    assert np.sum(a == b) <= 6
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.35


def test_a_stream_begins_at_any_step() -> None:
    assert steps(examples(7, 5), 20)[9:] == steps(examples(7, 5), 11, first_step=9)


def test_the_smaller_domain_is_repeated() -> None:
    given = examples(4, 10)
    assert len(given) == 10
    found = steps(given, 5)
    assert sorted(np.concatenate([b for _, b in found])) == list(range(10))
    assert set(np.concatenate([a for a, _ in found])) == {0, 1, 2, 3}


def test_crops_and_flips_are_drawn_for_each_domain() -> None:
    ramp = np.broadcast_to(np.arange(16, dtype=np.uint8)[None, None, :, None] * 16, (6, 16, 16, 3))
    given = DomainExamples(ramp, ramp, np.arange(6).astype(str))
    batches = unpaired_batches(given, batch_size=2, seed=0, augmentation="random_crop_flip", resize=20).take(
        30
    )
    rising = {"a": [], "b": []}
    for batch, _ in batches:
        for name, found in rising.items():
            assert batch[name].shape == (2, 16, 16, 3)
            found.extend((batch[name][:, 0, -1, 0] > batch[name][:, 0, 0, 0]).numpy())
    assert 15 < sum(rising["a"]) < 45
    assert 15 < sum(rising["b"]) < 45
    assert rising["a"] != rising["b"]


def test_what_does_not_go_together() -> None:
    with pytest.raises(UsageError, match="resize, at least 8; received 4"):
        steps(examples(2, 2), 1, augmentation="random_crop_flip", resize=4)
    with pytest.raises(UsageError, match="received 'pad_crop_flip'"):
        steps(examples(2, 2), 1, augmentation="pad_crop_flip")
    with pytest.raises(DataError, match=r"domain B needs one picture or more.*\(0, 8, 8, 3\)"):
        examples(3, 0)
    with pytest.raises(DataError, match=r"one size; received \(8, 8\) in A and \(9, 9\) in B"):
        DomainExamples(numbered(2), numbered(2, 9), np.arange(2))
    with pytest.raises(UnknownNameError, match="house/outline_color"):
        open_domains("house/outline_colour")


def test_colors_of_labels_are_read_back() -> None:
    source = open_domains("house/labels_color")
    given = source.examples("test")
    layers = open_layers(image_size_hint=64)
    assert source.label_colors == {name: LABEL_COLORS[name] for name in layers.classes}
    labels = layers.arrays("test", image_size=(64, 64)).labels
    np.testing.assert_array_equal(labels_from_colors(given.a, source.label_colors), labels)
    near = np.clip(given.a.astype(int) + 9, 0, 255).astype(np.uint8)
    np.testing.assert_array_equal(labels_from_colors(near, source.label_colors), labels)


def test_outlines_are_black_on_white() -> None:
    given = open_domains("house/outline_color").examples("validation")
    assert given.paired
    assert given.a.shape == given.b.shape == (len(given), 64, 64, 3)
    assert np.median(given.a) == 255
    assert given.a.min() == 0
