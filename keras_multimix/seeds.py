"""Seeds that a user passes, or leaves to chance."""

import random

from keras_multimix.arguments import check_count


def resolve_seed(seed):
    """Returns `seed`, or where it is None one that `keras.utils.set_random_seed` sets.

    Raises:
        ValueError: If it is neither None nor an integer in [0, 2 ** 64).
    """
    if seed is None:
        return random.getrandbits(31)
    return check_count("seed", seed, minimum=0, maximum=2**64 - 1)
