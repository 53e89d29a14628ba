"""RRF-Net: published counts, unit embeddings, the ensemble of eq. 5.11 and the numbers of the tables."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import kzoo
from kzoo import registry
from kzoo.losses import Ranking, ranking_loss
from kzoo.metrics.matching import measures
from kzoo.systems.rrfnet.evaluate import ensemble, evaluate
from kzoo.systems.rrfnet.network import build_rrfnet
from kzoo.systems.rrfnet.task import losses

TINY = {"image_dim": 12, "text_dim": 10, "widths": (16, 64, 64, 64)}


def trainable(model: keras.Model) -> int:
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def test_published_network_has_its_parameters() -> None:
    assert trainable(kzoo.create("rrfnet")) == registry.find("rrfnet").parameters == 19_663_598


def test_dense_layers_of_each_branch() -> None:
    model = kzoo.create("rrfnet_baseline")
    counts = {"image": 0, "text": 0}
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dense):
            counts[layer.name.split("_")[0]] += layer.count_params()
    assert counts == {"image": 5_770_752, "text": 13_864_448}
    assert trainable(model) == registry.find("rrfnet_baseline").parameters


@pytest.mark.parametrize("steps", [None, 1, 4])
@pytest.mark.parametrize("fusion", ["none", "sum", "conv"])
def test_embeddings_have_length_1_and_evaluate_measures_their_cosines(steps: int | None, fusion: str) -> None:
    keras.utils.set_random_seed(0)
    model = build_rrfnet(**TINY, steps=steps, fusion=fusion)
    generator = np.random.default_rng(0)
    image = generator.standard_normal((15, 12)).astype("float32")
    image_index = np.repeat(np.arange(15), 2)
    text = generator.standard_normal((30, 10)).astype("float32")
    outputs = model({"image": image[image_index], "text": text})
    one, other = (np.array(outputs[f"{side}_embedding"]) for side in ("image", "text"))
    np.testing.assert_allclose(np.linalg.norm(one, axis=1), 1, rtol=1e-5)
    found = evaluate(model, {"image": image, "text": text, "image_index": image_index})
    assert found == measures(one[::2] @ other.T, image_index)
    options = {"count": 5, "intra": 0.5}
    terms = losses(outputs, {"image_index": image_index}, options)
    assert list(terms) == ["bi_rank"]
    expected = ranking_loss(one, other, image_index, Ranking(**options))
    np.testing.assert_allclose(terms["bi_rank"], expected, rtol=1e-5)


def test_ensemble_is_the_mean_similarity() -> None:
    found = ensemble([np.array([[1.0, 0.0]]), np.array([[0.5, 0.5]]), np.array([[0.0, 0.1]])])
    np.testing.assert_allclose(found, [[0.5, 0.2]])


def test_published_numbers() -> None:
    cells = {
        (one.table, one.row, one.metric, one.data): one.value for one in registry.find("rrfnet").published
    }
    assert cells["5.1", "RRF-Net, T=3", "i2t_r@1", "flickr30k"] == 47.6
    assert cells["5.5", "RRF-Net, M={1, 2, 3, 4}", "t2i_r@5", "flickr30k"] == 70.9
    assert cells["5.4", "RRF-Net", "t2i_r@10", "mscoco"] == 88.6
