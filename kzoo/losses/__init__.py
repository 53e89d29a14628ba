"""Losses that Keras lacks."""

from kzoo.losses.edges import balanced_edge_cross_entropy, edge_cross_entropy
from kzoo.losses.ranking import Ranking, ranking_loss

__all__ = ["Ranking", "balanced_edge_cross_entropy", "edge_cross_entropy", "ranking_loss"]
