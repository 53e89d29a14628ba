"""Layers that a Keras user may import on their own; importing this package imports Keras."""

from kzoo.layers.compact_bilinear import BilinearPooling, CompactBilinearPooling, SignedSquareRoot
from kzoo.layers.fusion import ConvolutionFusion, LocallyConnectedFusion, SumFusion
from kzoo.layers.normalization import global_contrast_normalize
from kzoo.layers.recurrent_residual_fusion import RecurrentResidualFusion

__all__ = [
    "BilinearPooling",
    "CompactBilinearPooling",
    "ConvolutionFusion",
    "LocallyConnectedFusion",
    "RecurrentResidualFusion",
    "SignedSquareRoot",
    "SumFusion",
    "global_contrast_normalize",
]
