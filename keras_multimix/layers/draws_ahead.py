"""The draws of the coming steps, made together: many cost little more than one.

A draw on the host is a hundred operations of NumPy on a few hundred numbers, so that
its cost is the number of operations. It depends on nothing but the seed, the step and
what is asked for, so that it does not matter when it is made.
"""

from typing import Any, NamedTuple

import numpy as np

from keras_multimix.annotations import State

_MOST_STEPS = 64
_MOST_WORDS = 1 << 14  # kept by a layer: about 100 kB
_LAST_STEP = 2**31 - 1


class _Block(NamedTuple):
    """The draws of some steps in a row.

    Attributes:
        key: All that they depend on but the step.
        first: The first step.
        num_steps: How many there are.
        drawn: A dict of arrays for each step.
    """

    key: Any
    first: int
    num_steps: int
    drawn: list


class DrawsAhead:
    """Draws for one step, and keeps those of the steps after it.

    As long as the steps come in order, each block is twice as long as the last one, up
    to a limit; any other step is drawn alone. Threads may share it: a block is replaced
    as a whole.
    """

    def __init__(self):
        self._block = _Block(None, 0, 0, [])
        self.kernels = {}  # what TensorFlow has compiled, by what it computes

    def __reduce__(self):
        # A copy starts empty: what is kept can be made again, a kernel not be copied.
        return DrawsAhead, ()

    def at(self, state: State, key, num_words, sample):
        """Returns the draws of one step.

        Args:
            state: int32 NumPy array of shape `(3,)`: two key words and the step.
            key: All that the draws depend on but the state, hashable.
            num_words: About how many numbers a step draws.
            sample: A function of two key words and an int32 array of steps, as one
                tuple, that returns a dict of arrays; axis 0 of each counts the steps.

        Returns:
            A dict of arrays. They must not be written to.
        """
        first, second, step = state.tolist()
        key = (first, second, key)
        block = self._block
        offset = step - block.first
        if key != block.key or not 0 <= offset < block.num_steps:
            follows = key == block.key and offset == block.num_steps
            count = min(
                2 * block.num_steps if follows else 1,
                _MOST_STEPS,
                max(1, _MOST_WORDS // max(1, num_words)),
                _LAST_STEP - step + 1,
            )
            steps = np.arange(step, step + count, dtype="int64").astype("int32")
            together = sample((*state[:2], steps))
            each = zip(*together.values(), strict=True)
            drawn = [dict(zip(together, values, strict=True)) for values in each]
            block = _Block(key, step, count, drawn)
            offset = 0
            if count * num_words <= _MOST_WORDS:
                self._block = block
        return dict(block.drawn[offset])
