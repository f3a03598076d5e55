"""Layers that mix the rows of a batch."""

from keras_multimix.layers.cut_mix import CutMix
from keras_multimix.layers.mix_up import MixUp
from keras_multimix.layers.multi_mix import MultiMix

__all__ = ["CutMix", "MixUp", "MultiMix"]
