"""Ridge regression against scikit-learn's, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge as PeerRidge

from kzoo.errors import DataError, UsageError
from kzoo.evaluation.ridge import chosen_ridge, one_caption_each, ridge


def pairs(seed: int, images: int = 30) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    image = random.normal(size=(images, 7)).astype(np.float32)
    index = np.sort(np.concatenate([np.arange(images), random.integers(0, images, images)]))
    mixing = np.random.default_rng(99).normal(size=(7, 5))
    text = (image[index] @ mixing + random.normal(size=(len(index), 5))).astype(np.float32)
    return {
        "image": image,
        "text": text,
        "image_index": index,
        "image_id": np.array([f"image {number}" for number in range(images)]),
        "caption": np.array([f"caption {number}" for number in range(len(index))]),
    }


def right_on_top(similarity: np.ndarray, image_index: np.ndarray) -> float:
    return float((similarity.argmax(axis=0) == image_index).mean())


@pytest.mark.parametrize("penalty", [0.1, 10.0])
def test_equals_scikit_learn_over_all_pairs(penalty: float) -> None:
    train = pairs(0)
    peer = PeerRidge(alpha=penalty).fit(train["image"][train["image_index"]].astype(float), train["text"])
    found = ridge(train, penalty)
    np.testing.assert_allclose(found.weights, peer.coef_.T, atol=1e-6)
    np.testing.assert_allclose(found.text_mean - found.image_mean @ found.weights, peer.intercept_, atol=1e-6)


def test_similarity_is_a_cosine() -> None:
    similarity = ridge(pairs(0), 1.0).similarity(pairs(1))
    assert similarity.shape == (30, 60)
    assert similarity.dtype == np.float32
    assert np.abs(similarity).max() <= 1 + 1e-6
    assert right_on_top(similarity, pairs(1)["image_index"]) > 0.5


def test_penalty_is_chosen_on_validation_data() -> None:
    chosen = chosen_ridge(pairs(0), pairs(1), right_on_top, (1e6, 1.0))
    assert chosen.penalty == 1.0
    assert chosen_ridge(pairs(0), pairs(1), lambda *_: 0.0, (3.0, 1.0)).penalty == 3.0


def test_one_caption_each() -> None:
    found = one_caption_each(pairs(0))
    assert found["image_index"].tolist() == list(range(30))
    assert found["caption"][0] == "caption 0"
    lost = pairs(0)
    lost["image_index"] = np.where(lost["image_index"] == 4, 5, lost["image_index"])
    with pytest.raises(DataError, match=r"\['image 4'\] have no caption"):
        one_caption_each(lost)


def test_bad_input() -> None:
    with pytest.raises(UsageError, match=r"penalty is 0\.0"):
        ridge(pairs(0), 0.0)
    with pytest.raises(UsageError, match="no penalties"):
        chosen_ridge(pairs(0), pairs(1), right_on_top, ())
    broken = pairs(0)
    broken["text"][3, 2] = np.nan
    with pytest.raises(DataError, match="finite features"):
        ridge(broken, 1.0)
