"""HGLMM: the mixture finds what data were drawn from, Fisher vectors are gradients, a fit is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kzoo.data.hglmm import Hglmm, Mixture, fit_hglmm, fit_mixture
from kzoo.errors import DataError


@pytest.fixture(scope="module")
def words() -> np.ndarray:
    random = np.random.default_rng(0)
    first = np.stack([random.normal(-5, 0.5, 4000), random.laplace(3, 2, 4000)], axis=1)
    second = np.stack([random.laplace(5, 0.4, 2000), random.normal(-9, 1.5, 2000)], axis=1)
    return np.concatenate([first, second])


def by_first_place(mixture: Mixture) -> Mixture:
    order = np.argsort(mixture.places[:, 0])
    return Mixture(*(part[order] for part in vars(mixture).values()))


def test_mixture_finds_the_distributions(words: np.ndarray) -> None:
    found = by_first_place(fit_mixture(words, 2))
    np.testing.assert_allclose(found.weights, [2 / 3, 1 / 3], atol=0.01)
    np.testing.assert_allclose(found.places, [[-5, 3], [5, -9]], atol=0.15)
    np.testing.assert_allclose(found.spreads, [[0.5, 2], [0.4, 1.5]], atol=0.1)
    assert found.gaussian.tolist() == [[True, False], [False, True]]


def test_fisher_vector_is_the_gradient_of_the_likelihood(words: np.ndarray) -> None:
    mixture, sentence, step = fit_mixture(words, 2), words[[0, 4500, 17]], 1e-6
    information = {"places": np.ones((2, 2)), "spreads": np.where(mixture.gaussian, 2.0, 1.0)}

    def gradient(part: str) -> np.ndarray:
        found = np.zeros((2, 2))
        for place in np.ndindex(2, 2):
            totals = []
            for sign in (1, -1):
                values = getattr(mixture, part).copy()
                values[place] += sign * step
                moved = replace(mixture, **{part: values})
                totals.append(np.log(np.exp(moved.log_likelihoods(sentence)).sum(axis=1)).sum())
            found[place] = (totals[0] - totals[1]) / (2 * step)
        return found * mixture.spreads / np.sqrt(information[part] * mixture.weights[:, None])

    expected = np.concatenate([gradient("places").ravel(), gradient("spreads").ravel()])
    found = mixture.fisher_vector(sentence)
    assert np.linalg.norm(found) == pytest.approx(1)
    squared = np.sign(found) * found**2
    np.testing.assert_allclose(squared, expected / np.abs(expected).sum(), atol=1e-5)


def test_encoder_is_reduced_and_kept(words: np.ndarray, tmp_path: Path) -> None:
    sentences = [words[start : start + 5] for start in range(0, 6000, 50)]
    fitted = fit_hglmm(sentences, centres=2, components=3)
    features = fitted.encode(sentences)
    assert features.shape == (120, 3)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-5)
    spreads = features.std(axis=0)
    assert spreads[0] >= spreads[1] >= spreads[2] > 0
    fitted.save(tmp_path / "hglmm.npz")
    np.testing.assert_array_equal(Hglmm.load(tmp_path / "hglmm.npz").encode(sentences), features)


def test_bad_input(words: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="received 1 different words; expected 2 or more"):
        fit_mixture(np.zeros((9, 2)), 2)
    with pytest.raises(DataError, match="received 2 training sentences and Fisher vectors of 120"):
        fit_hglmm([words[:3], words[3:5]])
    (tmp_path / "broken.npz").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"broken\.npz is no fitted HGLMM"):
        Hglmm.load(tmp_path / "broken.npz")
