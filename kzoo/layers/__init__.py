"""Layers that a Keras user may import on their own; importing this package imports Keras."""

from kzoo.layers.compact_bilinear import BilinearPooling, CompactBilinearPooling, SignedSquareRoot
from kzoo.layers.fusion import ConvolutionFusion, LocallyConnectedFusion, SumFusion
from kzoo.layers.local_response_normalization import LocalResponseNormalization
from kzoo.layers.normalization import global_contrast_normalize, subtract_channel_means
from kzoo.layers.recurrent_residual_fusion import RecurrentResidualFusion
from kzoo.layers.reflection_pad import ReflectionPad2D
from kzoo.layers.resize_to import ResizeTo
from kzoo.layers.scale_and_shift import ScaleAndShift

__all__ = [
    "BilinearPooling",
    "CompactBilinearPooling",
    "ConvolutionFusion",
    "LocalResponseNormalization",
    "LocallyConnectedFusion",
    "RecurrentResidualFusion",
    "ReflectionPad2D",
    "ResizeTo",
    "ScaleAndShift",
    "SignedSquareRoot",
    "SumFusion",
    "global_contrast_normalize",
    "subtract_channel_means",
]
