"""Layers that mix the rows of a batch."""

from keras_multimix.layers.cut_mix import CutMix
from keras_multimix.layers.mix_up import MixUp
from keras_multimix.layers.multi_mix import MultiMix
from keras_multimix.layers.random_mix import RandomMix
from keras_multimix.layers.reg_mixup import RegMixup

__all__ = ["CutMix", "MixUp", "MultiMix", "RandomMix", "RegMixup"]
