"""Losses that Keras lacks."""

from kzoo.losses.ranking import Ranking, ranking_loss

__all__ = ["Ranking", "ranking_loss"]
