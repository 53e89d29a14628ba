"""Losses that Keras lacks."""

from kzoo.losses.adversarial import Judgement, least_squares_fake, least_squares_real
from kzoo.losses.edges import balanced_edge_cross_entropy, edge_cross_entropy
from kzoo.losses.ranking import Ranking, ranking_loss
from kzoo.losses.segmentation import segmentation_cross_entropy

__all__ = [
    "Judgement",
    "Ranking",
    "balanced_edge_cross_entropy",
    "edge_cross_entropy",
    "least_squares_fake",
    "least_squares_real",
    "ranking_loss",
    "segmentation_cross_entropy",
]
