"""CycleMatch: counts, shared mappings, active terms of the six systems, late fusion by hand."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import kzoo
from kzoo import registry
from kzoo.errors import UnknownNameError
from kzoo.losses import Ranking, ranking_loss
from kzoo.systems.cyclematch.evaluate import evaluate
from kzoo.systems.cyclematch.late_fusion import adaptive, adaptive_weights, average, scores
from kzoo.systems.cyclematch.spaces import image_spaces, text_spaces
from kzoo.systems.cyclematch.task import TERMS, losses

SYSTEMS = {
    "cyclematch": [
        *("image_dual", "image_reconstructed", "image_latent_cycle"),
        *("text_dual", "text_reconstructed", "text_latent_cycle"),
    ],
    "latentmatch": ["latent"],
    "dualmatch": ["image_dual", "text_dual"],
    "cyclematch_no_latent": ["image_dual", "image_reconstructed", "text_dual", "text_reconstructed"],
    "cyclematch_i2t2i": ["image_dual", "image_reconstructed", "image_latent_cycle"],
    "cyclematch_t2i2t": ["text_dual", "text_reconstructed", "text_latent_cycle"],
}
IMAGES = 12


def tiny(name: str) -> keras.Model:
    keras.utils.set_random_seed(0)
    return registry.find(name).build(**registry.find(name).tiny)


def arrays() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    return {
        "image": generator.standard_normal((IMAGES, 12)).astype("float32"),
        "text": generator.standard_normal((2 * IMAGES, 10)).astype("float32"),
        "image_index": np.repeat(np.arange(IMAGES), 2),
    }


def batch() -> dict[str, np.ndarray]:
    found = arrays()
    return {**found, "image": found["image"][found["image_index"]]}


def test_dense_layers_of_the_two_mappings() -> None:
    model = kzoo.create("cyclematch")
    counts = {}
    for mapping in ("image_to_text", "text_to_image"):
        dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
        counts[mapping] = sum(layer.count_params() for layer in dense if layer.name.startswith(mapping))
    assert counts == {"image_to_text": 7_609_344, "text_to_image": 10_753_024}


@pytest.mark.parametrize("name", SYSTEMS)
def test_active_terms_are_those_of_table_6_1(name: str) -> None:
    system = registry.find(name)
    model = tiny(name)
    options = {**system.recipes["flickr30k"].loss_options, "count": 5}
    inputs = batch()
    outputs = model({side: inputs[side] for side in ("image", "text")})
    found = losses(outputs, inputs, options)
    assert sorted(found) == sorted(SYSTEMS[name])
    known = {**inputs, **outputs}
    ranking = Ranking(margin=0.1, count=5, forward=1.0, backward=2.0)
    for term, value in found.items():
        anchor, positive = (known[one] for one in TERMS[term])
        np.testing.assert_allclose(
            value, ranking_loss(anchor, positive, inputs["image_index"], ranking), rtol=1e-5
        )


@pytest.mark.parametrize("name", SYSTEMS)
def test_registered_parameters_are_those_of_the_model(name: str) -> None:
    trainable = sum(int(np.prod(weight.shape)) for weight in kzoo.create(name).trainable_weights)
    assert trainable == registry.find(name).parameters


def test_a_cycle_goes_back_by_the_other_mapping() -> None:
    model, inputs = tiny("cyclematch"), batch()
    outputs = model({side: inputs[side] for side in ("image", "text")})
    # Before training the statistics of all uses are the same, so that the way back is the other way out.
    again = model({"image": inputs["image"], "text": np.array(outputs["text_from_image"])})
    np.testing.assert_allclose(outputs["image_again"], again["image_from_text"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(outputs["image_again_latent"], again["text_latent"], rtol=1e-5, atol=1e-6)


def test_uses_of_a_mapping_share_weights_but_not_statistics() -> None:
    names = [weight.path for weight in tiny("cyclematch").weights]
    assert len([name for name in names if name.startswith("image_to_text_fc4/")]) == 2
    statistics = {name.split("/")[0] for name in names if "fc4" in name and "moving" in name}
    assert statistics == {
        f"{mapping}_fc4_norm_{use}"
        for mapping in ("image_to_text", "text_to_image")
        for use in ("out", "back")
    }


def test_unknown_options_of_the_loss_are_named() -> None:
    inputs = batch()
    outputs = tiny("latentmatch")({side: inputs[side] for side in ("image", "text")})
    with pytest.raises(UnknownNameError, match="alfa"):
        losses(outputs, inputs, {"terms": ["latent"], "alfa": 2.0})


def test_adaptive_fusion_of_a_hand_computed_case() -> None:
    """Two images, two texts. Of image 0 the positive scores add up to 1 and 4: weights 4/5 and 1/5."""
    visual = np.array([[0.75, 0.25], [-0.5, 0.5]])
    textual = np.array([[1.5, 2.5], [1.0, 0.5]])
    weights = [np.array(one) for one in adaptive_weights([visual, textual], 1)]
    np.testing.assert_allclose(np.hstack(weights), [[4 / 5, 1 / 5], [3 / 4, 1 / 4]])
    expected = [[0.8 * 0.75 + 0.2 * 1.5, 0.8 * 0.25 + 0.2 * 2.5], [-0.375 + 0.25, 0.375 + 0.125]]
    np.testing.assert_allclose(adaptive([visual, textual], 1), expected)
    # Texts that ask: column sums .75 and 2.5 of text 0, .75 and 3 of text 1.
    by_text = [np.array(one) for one in adaptive_weights([visual, textual], 0)]
    np.testing.assert_allclose(np.vstack(by_text), [[10 / 13, 4 / 5], [3 / 13, 1 / 5]])
    np.testing.assert_allclose(average([visual, textual]), (visual + textual) / 2)


def test_a_query_without_positive_scores_stays_finite() -> None:
    visual, textual = np.array([[-0.5, -0.1]]), np.array([[0.5, 0.5]])
    found = np.array(adaptive([visual, textual], 1))
    assert np.all(np.isfinite(found))


def test_scores_are_cosines_in_each_space() -> None:
    model, data = tiny("cyclematch"), arrays()
    images, texts = image_spaces(model)(data["image"]), text_spaces(model)(data["text"])
    np.testing.assert_array_equal(images["visual"], data["image"])
    np.testing.assert_array_equal(texts["textual"], data["text"])
    found = scores(images, texts)
    assert set(found) == {"visual", "textual", "latent"}
    mapped = np.array(texts["visual"][3])
    expected = data["image"][1] @ mapped / (np.linalg.norm(data["image"][1]) * np.linalg.norm(mapped))
    assert float(found["visual"][1, 3]) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("name", SYSTEMS)
def test_evaluate_measures_every_strategy_that_the_model_has(name: str) -> None:
    found = evaluate(tiny(name), arrays())
    assert {"i2t_r@1", "t2i_r@10", "r_sum"} <= set(found)
    strategies = {"one_score_i2t_r@1", "two_score_adaptive_t2i_r@5", "three_score_average_r_sum"}
    assert strategies.isdisjoint(found) if name == "latentmatch" else strategies <= set(found)


def test_published_numbers() -> None:
    cells = {
        (one.table, one.row, one.metric, one.data): one.value for one in registry.find("cyclematch").published
    }
    assert cells["6.3", "Two-score, adaptive fusion", "i2t_r@1", "flickr30k"] == 58.6
    assert cells["6.6", "ResNet-152, HGLMM", "t2i_r@5", "mscoco"] == 80.3
