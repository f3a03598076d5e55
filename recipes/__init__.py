"""Experiments that use keras_multimix, one file each."""
