from __future__ import annotations

import keras
import numpy as np
import pytest

import kzoo
from kzoo import registry
from kzoo.data.domains import LABEL_COLORS, painted
from kzoo.errors import UsageError
from kzoo.evaluation.fcn_score import fcn_score, oracle_score
from kzoo.systems.cfn.segmentation_evaluate import label_maps
from kzoo.systems.cyclegan.evaluate import translated

COLORS = {name: LABEL_COLORS[name] for name in ("background", "skin", "line")}


def judge(classes: int = 3) -> keras.Model:
    """Return an untrained judge with an opinion that depends on the picture."""
    keras.utils.set_random_seed(1)
    system = registry.find("fcn8s")
    model = system.build(**{**system.tiny, "classes": classes})
    for name in ("score_top", "score_pool4", "score_pool3"):
        kernel, bias = model.get_layer(name).get_weights()
        model.get_layer(name).set_weights([np.random.default_rng(2).normal(size=kernel.shape), bias])
    return model


def label_pictures() -> tuple[np.ndarray, np.ndarray]:
    labels = np.random.default_rng(0).integers(0, 3, (2, 4, 4)).repeat(8, axis=1).repeat(8, axis=2)
    return labels, painted(labels, COLORS)


def by_definition(labels: np.ndarray, found: np.ndarray) -> dict[str, float]:
    accuracies, overlaps = [], []
    for number in range(3):
        there, said = labels == number, found == number
        accuracies.append((there & said).sum() / there.sum())
        overlaps.append((there & said).sum() / (there | said).sum())
    return {
        "pixel_accuracy_b": float((labels == found).mean()),
        "class_accuracy_b": float(np.mean(accuracies)),
        "class_iou_b": float(np.mean(overlaps)),
    }


def test_the_judge_reads_what_the_translator_made() -> None:
    labels, drawn = label_pictures()
    translator = kzoo.create("cyclegan", **registry.find("cyclegan").tiny)
    network = judge()
    made = translated(translator, "b", drawn)
    found = label_maps(network, made)
    assert len(np.unique(found)) > 1
    assert fcn_score(translator, network, drawn, COLORS) == pytest.approx(by_definition(labels, found))
    real = oracle_score(network, drawn, drawn, COLORS)
    assert real == pytest.approx(by_definition(labels, label_maps(network, drawn)))


def test_a_judge_of_other_classes() -> None:
    with pytest.raises(UsageError, match="tells 4 classes apart; expected 3"):
        fcn_score(
            kzoo.create("cyclegan", **registry.find("cyclegan").tiny), judge(4), label_pictures()[1], COLORS
        )
