"""Experiments that use keras_multimix, one file each.

`shared` holds what several experiments use, `parts` what one of them uses, `datasets`
and `networks` what they train on and what they train.
"""
