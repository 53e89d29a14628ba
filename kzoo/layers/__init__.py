"""Layers that a Keras user may import on their own; importing this package imports Keras."""

from kzoo.layers.fusion import ConvolutionFusion, LocallyConnectedFusion, SumFusion
from kzoo.layers.normalization import global_contrast_normalize

__all__ = ["ConvolutionFusion", "LocallyConnectedFusion", "SumFusion", "global_contrast_normalize"]
